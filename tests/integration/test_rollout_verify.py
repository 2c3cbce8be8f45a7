"""`headgate rollout verify`: what a gateway decided by counts, made again from its records."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode

import pytest
from click.testing import CliRunner

from gateway.cli.rollout.command import command
from tests.integration.test_rollouts import KEYS, PLACE, ask, configure
from tests.support.admin import admin_port
from tests.support.client import PATIENCE
from tests.support.gateway import running_gateway
from tests.support.rollouts import LEAST


def rollout(url: str, *arguments: str):
    environ = {"HEADGATE_ADMIN_URL": url, "HEADGATE_ADMIN_KEY": KEYS["admin"], "COLUMNS": "100"}
    return CliRunner().invoke(command, list(arguments), env=environ)


def insist(gateway, *arguments: str):
    """What the command says, run again while a slow store cannot be asked."""
    return gateway.until_heard(
        lambda: rollout(f"http://127.0.0.1:{gateway.admin_port}", *arguments),
        lambda result: "The store cannot be reached now." not in result.stderr,
    )[-1]


@pytest.fixture(scope="module")
def entries(shared_upstream, tmp_path_factory):
    """The history of a rollout that went back by itself, as verified through a gateway that runs."""
    shared_upstream.reset()
    config = configure(tmp_path_factory.mktemp("verify"), shared_upstream)
    users = iter(range(100_000))
    with running_gateway(config, keys=KEYS) as gateway:

        def gone_back() -> bool:
            """After some more requests, all of the candidate's failing validation."""
            told = [ask(gateway, f"user-{next(users)}").headers for _ in range(20)]
            reports = [
                {"request_id": one["x-request-id"], "validation_passed": one["x-headgate-variant"] == "base"}
                for one in told
            ]
            gateway.post("/v1/outcomes", {"outcomes": reports})
            return gateway.admin("GET", PLACE).json["phase"] == "rolled_back"

        gateway.insist(lambda: gateway.admin("POST", f"{PLACE}/set-weight", {"weight": 50}))
        gateway.wait_until(gone_back, 3 * PATIENCE)
        result = insist(gateway, "verify", "solver")
        assert result.exit_code == 0, result.output
        assert "made again from the records: the same came out" in result.stdout
        told = json.loads(insist(gateway, "verify", "solver", "--json").stdout)
        found = gateway.insist(lambda: gateway.admin("GET", f"{PLACE}/history?records=true")).json
        assert [one["same"] for one in told] == [True if "record" in one else None for one in found]
        plain = gateway.insist(lambda: gateway.admin("GET", f"{PLACE}/history")).json
        assert not any("record" in one for one in plain)
    assert found[0]["cause"] == "started" and "record" not in found[0]
    assert (found[-1]["to"], found[-1]["cause"]) == ("rolled_back", "harm") and "record" in found[-1]
    return found


def verified(entries, *arguments: str):
    """The same command, told these entries."""
    with admin_port() as port:
        port.readings["solver/hard"] = LEAST
        port.histories["solver/hard"] = entries
        return rollout(port.url, "verify", "solver", *arguments)


def with_record(entry, change):
    """The entry with another record."""
    kept = json.loads(zlib.decompress(b64decode(entry["record"])))
    change(kept)
    return {**entry, "record": b64encode(zlib.compress(json.dumps(kept).encode())).decode()}


def differences(entry):
    result = verified([entry], "--json")
    assert result.exit_code == 1
    (told,) = json.loads(result.stdout)
    assert told["same"] is False
    return set(told["differs"])


def test_what_an_entry_says_must_follow_from_its_record(entries):
    last = entries[-1]
    assert differences({**last, "to": "promoted", "weight": 100.0}) == {"to", "weight"}
    assert "reasons" in differences({**last, "reasons": ["because"]})


def test_what_came_out_must_follow_from_what_went_in(entries):
    def forget(kept):
        kept["cells"] = {}

    def prefer(kept):
        kept["found"]["document"]["weight"] = 10_000

    last = entries[-1]
    assert differences(with_record(last, prefer)) == {"document"}
    assert differences({**last, "record": "bm9uZQ=="}) == {"record"}
    assert differences({**last, "record": 1}) == {"record"}
    assert differences(with_record(last, lambda kept: kept.update(cells=[1]))) == {"record"}
    assert {"document", "evaluation", "transition"} <= differences(with_record(last, forget))


def test_people_are_shown_what_differs(entries):
    wrong = {**entries[-1], "weight": 100.0}
    result = verified([*entries[:-1], wrong])
    assert result.exit_code == 1
    assert "1 otherwise" in result.stdout and "differs: weight" in result.stdout
    assert verified([]).stdout == "solver/hard: nothing was decided by counts yet\n"
