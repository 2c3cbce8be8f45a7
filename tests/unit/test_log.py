"""Logging: lines for people, objects for machines, credentials for nobody, and never a wait."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator

import pytest

from gateway.log import VALUELESS, Lines, Objects, Writer, redact

SECRETS = (
    "Authorization: Bearer abc.def-ghi",
    "authorization: Basic dXNlcjpwYXNz",
    "api_key='canary'",
    '{"api-key": "canary"}',
    "password=canary&x=1",
    "the key sk-proj-canary0123456789 was refused",
    "hg_canary0123456789",
    "AIzaSyCanaryCanaryCanaryCanary012345",
)


def record(message: str, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("headgate.test", level, __file__, 1, message, (), None)
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("text", SECRETS)
def test_credentials_are_taken_out(text):
    shown = redact(text)
    assert "***" in shown
    for part in ("canary", "abc.def", "dXNlc", "Canary"):
        assert part not in shown


def test_what_is_no_credential_stays():
    for text in (
        "worker 0 was ended by SIGKILL",
        "60 tokens of input",
        "http://127.0.0.1:8080",
        "routes.solver.keys",
    ):
        assert redact(text) == text


MISTAKE = "edit refused: headgate.yaml:10: upstreams.lab.api_key: the environment variable KEY is not set"


@pytest.mark.parametrize("style", [Lines(), Objects()])
def test_what_holds_no_values_keeps_its_words_but_no_keys(style):
    assert MISTAKE in style.format(record(MISTAKE, **VALUELESS))
    assert MISTAKE not in style.format(record(MISTAKE))
    shown = style.format(record("upstreams.lab.sk-canary0123456789: is not known", **VALUELESS))
    assert "canary" not in shown


def test_lines():
    assert Lines().format(record("serving")) == "headgate: serving"
    assert Lines().format(record("odd", logging.WARNING)) == "headgate: warning: odd"


def test_objects():
    entry = json.loads(Objects().format(record("two\nlines", fields={"event": "serving", "workers": 2})))
    assert entry["message"] == "two\nlines"
    assert (entry["level"], entry["logger"]) == ("info", "headgate.test")
    assert (entry["event"], entry["workers"]) == ("serving", 2)
    assert entry["time"].endswith("+00:00")


def test_a_traceback_is_part_of_the_object_and_redacted():
    try:
        raise ValueError("api_key=canary")
    except ValueError:
        failed = record("request failed", exc_info=sys.exc_info())
    text = Objects().format(failed)
    assert "canary" not in text
    assert "ValueError" in json.loads(text)["traceback"]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_what_is_logged_is_written(pipe):
    writer = Writer(pipe[1])
    writer.setFormatter(Lines())
    for number in range(3):
        writer.handle(record(f"line {number}"))
    writer.flush()
    assert os.read(pipe[0], 1000) == b"headgate: line 0\nheadgate: line 1\nheadgate: line 2\n"


def test_a_reader_that_does_not_read_blocks_nobody(pipe):
    writer = Writer(pipe[1])
    writer.setFormatter(Lines())
    for _ in range(5000):
        writer.handle(record("x" * 200))  # a million bytes, of which a pipe holds 65,536
    writer.flush()
    while b"last words" not in os.read(pipe[0], 65_536):  # reading makes room again
        writer.handle(record("last words"))
