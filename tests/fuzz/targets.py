"""The targets: functions that take any bytes and raise only when a promise is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tests.fuzz import http_target as http
from tests.fuzz import sse_target as sse
from tests.fuzz import upstream_target as upstream
from tests.fuzz.configuration_target import configuration_target
from tests.fuzz.json_target import json_target
from tests.fuzz.request_id_target import request_id_target

TARGETS: dict[str, Callable[[bytes], None]] = {
    "http": http.http_target,
    "upstream": upstream.upstream_target,
    "sse": sse.sse_target,
    "json": json_target,
    "request-id": request_id_target,
    "configuration": configuration_target,
}
Recut = Callable[[bytes, Iterable[list[bytes]]], None]
STREAMS: dict[str, Recut] = {"http": http.recut, "upstream": upstream.recut, "sse": sse.recut}
"""The same for the targets whose bytes come in pieces: which ones must not matter."""
CORPUS = Path(__file__).with_name("corpus")
"""Holds a folder a target, and in it the seeds: what fuzzing begins with and every test run replays."""


def seeds(target: str) -> list[Path]:
    """The seeds of a target."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())
