"""`headgate keys`: what it prints is what the configuration takes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.load import parse
from gateway.cli.keys import command

REST = """
upstreams: {sim: {provider: simulated}}
routes: {solver: {variants: {base: {upstream: sim, model: base}}, variant: base}}
"""


def run(*arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_json_holds_the_key_and_its_entry():
    made = json.loads(run("create", "judge", "--json"))
    assert made["key"].startswith("hg_") and len(made["key"]) == 46
    assert made["entry"] == {
        "name": "judge",
        "application": "judge",
        "hash": "sha256:" + hashlib.sha256(made["key"].encode()).hexdigest(),
        "scopes": ["chat", "outcomes"],
    }


def test_options():
    options = ("--application", "solver", "--scope", "chat", "--scope", "pin", "--route", "solver", "--json")
    entry = json.loads(run("create", "judge", *options))["entry"]
    assert (entry["application"], entry["scopes"], entry["routes"]) == ("solver", ["chat", "pin"], ["solver"])


def test_the_printed_entry_is_taken_as_it_stands():
    printed = run("create", "judge", "--route", "solver")
    entry = printed[printed.index("server:") :]
    (key,) = parse(entry + REST, base=Path(), environ={}).config.server.keys
    shown = next(line.strip() for line in printed.splitlines() if line.strip().startswith("hg_"))
    assert key.hash == "sha256:" + hashlib.sha256(shown.encode()).hexdigest()
    assert key.routes == ("solver",)
    assert shown not in entry


def test_every_key_is_another():
    assert len({run("create", "judge") for _ in range(5)}) == 5


def test_signing_key_is_taken():
    key = run("signing").strip()
    assert json.loads(run("signing", "--json"))["key"] != key
    assert parse(
        f"server: {{signing_keys: ['{key}']}}" + REST, base=Path(), environ={}
    ).config.server.signing_keys


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a b",),
        ("judge", "--scope", "root"),
        ("judge", "--application", "é"),
        ("judge", "--route", "a/b"),
    ],
)
def test_wrong_usage(arguments):
    done = CliRunner().invoke(command, ["create", *arguments])
    assert done.exit_code == 2
