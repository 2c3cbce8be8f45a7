"""`headgate rollout` against a running gateway: the whole life of a rollout, by its commands."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gateway.cli.rollout.command import command
from tests.integration.test_rollouts import KEYS, configure
from tests.support.gateway import running_gateway


@pytest.fixture(scope="module")
def gateway(shared_upstream, tmp_path_factory):
    shared_upstream.reset()
    config = configure(tmp_path_factory.mktemp("rollout"), shared_upstream, more="start: manual")
    with running_gateway(config, keys=KEYS) as gateway:
        yield gateway


def environ(gateway, key="admin"):
    return {
        "HEADGATE_ADMIN_URL": f"http://127.0.0.1:{gateway.admin_port}", "HEADGATE_ADMIN_KEY": KEYS[key],
        "COLUMNS": "100",
    }  # fmt: skip


def rollout(gateway, *arguments, key="admin"):
    return CliRunner().invoke(command, list(arguments), env=environ(gateway, key))


def done(gateway, *arguments):
    """The first line of what a command that was done says."""
    result = rollout(gateway, *arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return result.stdout.splitlines()[0]


def refused(gateway, *arguments, key="admin"):
    result = rollout(gateway, *arguments, key=key)
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    return line


def shown(gateway, *arguments):
    return rollout(gateway, *arguments).stdout


def test_a_life(gateway):
    assert "○ pending (start)" in shown(gateway, "list")
    assert "Stages:   ○ 10 % ── ○ 50 % ── ○ 98 % bake ── ○ 100 %" in shown(gateway, "get", "solver")
    assert done(gateway, "resume", "solver") == "rollout 'solver/all' resumed"
    assert "◌ running for" in shown(gateway, "get", "solver/all")
    assert done(gateway, "promote", "solver", "--reason", "looks well") == "rollout 'solver/all' promoted"
    page = shown(gateway, "get", "solver")
    assert "✔ 10 % ── ● 50 % ── ○ 98 % bake ── ○ 100 %" in page and "Compared: 90.0 %" in page
    assert "looks well" in page and "validation_passed inconclusive" in page
    assert done(gateway, "set-weight", "solver", "30") == "rollout 'solver/all' weight set to 30 %"
    assert "● 30 % by hand" in shown(gateway, "get", "solver")
    assert done(gateway, "resume", "solver").endswith("resumed")
    assert done(gateway, "pause", "solver").endswith("paused")
    assert done(gateway, "promote", "solver", "--full").endswith("fully promoted")
    promoted = shown(gateway, "get", "solver")
    assert "put `variant: tuned` in the place of `rollout: …`" in promoted and "You can:  undo" in promoted
    assert "to be settled" in shown(gateway, "list")
    assert done(gateway, "undo", "solver").endswith("undone")
    assert done(gateway, "retry", "solver").endswith("retried")
    assert done(gateway, "abort", "solver").endswith("aborted")
    assert done(gateway, "retry", "solver").endswith("retried")
    entries = json.loads(shown(gateway, "history", "solver", "--transitions", "--json"))
    assert [(entry["cause"], entry["actor"]) for entry in entries] == [
        ("started", "headgate"), ("resume", "alice"), ("promote", "alice"), ("set_weight", "alice"),
        ("resume", "alice"), ("pause", "alice"), ("promote", "alice"), ("undo", "alice"), ("retry", "alice"),
        ("abort", "alice"), ("retry", "alice"),
    ]  # fmt: skip
    told = shown(gateway, "history", "solver")
    assert "promoted → rolled back" in told and "set weight" in told and "looks well" in told


def test_refusals(gateway):
    assert "undo is not possible while" in refused(gateway, "undo", "solver")
    stale = refused(gateway, "set-weight", "solver", "1", "--if-match", "999")
    assert stale == "Error: The rollout is at another revision now."
    assert "scope 'admin'" in refused(gateway, "abort", "solver", key="reader")
    assert refused(gateway, "get", "solver/none") == (
        "Error: there is no rollout solver/none; there are: solver/all"
    )
    assert "scope 'admin'" in refused(gateway, "list", key="app")
    assert json.loads(rollout(gateway, "list", "--json", key="reader").stdout)[0]["route"] == "solver"
    wrong_port = f"http://127.0.0.1:{gateway.port}"
    assert refused(gateway, "list", "--url", wrong_port) == (
        "Error: that is not a gateway's admin port, which is usually 8081"
    )
