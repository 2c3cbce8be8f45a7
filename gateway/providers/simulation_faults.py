"""Faults on demand: the `x-simulated-*` request headers and what each one steers.

A duration is seconds (`2`, `0.25`) or carries a unit (`300ms`, `2s`). A place in the answer is `head` (before
anything is sent) or a number: so many events of a stream, or so many pieces of 64 bytes of a plain body,
come first. `0` sends the head alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

PREFIX = b"x-simulated-"
HEAD = -1
"""The place before the head."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts; `cached` is a part of `input`, `reasoning` a part of `output`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Faults:
    """What one request's headers ask of its answer; everything off by default."""

    model: str | None = None
    status: int | None = None
    body: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    retry_after: str | None = None
    latency: float | None = None
    first_token: float = 0.0
    tokens_per_second: float | None = None
    stall_after: int | None = None
    reset_after: int | None = None
    end_after: int | None = None
    error_after: int | None = None
    framing: str | None = None
    done: bool = True
    merge_role: bool = False
    comments: int = 0
    newline: str = "\n"
    chunk_size: int | None = None
    huge_line: int = 0
    malformed: bool = False
    answer: str | None = None
    passes: bool | None = None
    finish: str | None = None
    empty: bool = False
    block: str | None = None
    tool_calls: int | None = None
    reason: str | None = None
    retry_delay: str | None = None
    usage: Usage | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """One header: the field that it sets, how its value is read, and what it does."""

    header: str
    sets: str
    read: Callable[[str], Any]
    values: str
    effect: str


def _number(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _status(text: str) -> int:
    status = int(text)
    if not 200 <= status <= 599:
        raise ValueError
    return status


def _pace(text: str) -> float:
    pace = float(text)
    if not 0 <= pace < 1e9:
        raise ValueError
    return pace


def _duration(text: str) -> float:
    scale = 0.001 if text.endswith("ms") else 1.0
    return _pace(text.removesuffix("ms").removesuffix("s")) * scale


def _place(text: str) -> int:
    return HEAD if text == "head" else _number(text)


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _one_of(**values: Any) -> Callable[[str], Any]:
    return values.__getitem__


def _headers(text: str) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(
        (name.lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, value in json.loads(text).items()
    )


def _usage(text: str) -> Usage:
    return Usage(**{name: int(count) for name, count in (part.split("=") for part in text.split(","))})


SWITCHES = (
    Switch("model", "model", str, "NAME", "the other headers concern requests to this model only"),
    Switch("status", "status", _status, "200 … 599", "answers with this status and, from 400, an error body"),
    Switch("body", "body", unquote, "TEXT, percent-encoded", "answers with exactly this body"),
    Switch("headers", "headers", _headers, "JSON object", "adds response headers"),
    Switch("retry-after", "retry_after", str, "TEXT", "adds the response header `retry-after`, as it is"),
    Switch("latency", "latency", _duration, "DURATION", "waits so long before the head"),
    Switch("first-token", "first_token", _duration, "DURATION", "waits between the head and the body"),
    Switch("tokens-per-second", "tokens_per_second", _pace, "NUMBER", "paces the answer; 0 sends it at once"),
    Switch("stall-after", "stall_after", _place, "PLACE", "falls silent there and keeps the connection open"),
    Switch("reset-after", "reset_after", _place, "PLACE", "resets the connection there"),
    Switch("end-after", "end_after", _place, "PLACE", "closes the connection there, without an error"),
    Switch(
        "error-after", "error_after", _number, "NUMBER", "in a stream: an error event there, then the end"
    ),
    Switch(
        "framing",
        "framing",
        _one_of(chunked="chunked", length="length", close="close"),
        "chunked, length or close",
        "how the end of the body is told; `close`: by the end of the connection",
    ),
    Switch("done", "done", _flag, "true or false", "`false`: a stream ends without its last event, `[DONE]`"),
    Switch(
        "role",
        "merge_role",
        _one_of(first=False, merged=True),
        "first or merged",
        "`merged`: the first event carries text beside the role",
    ),
    Switch("comments", "comments", _number, "NUMBER", "so many comment lines come before the first event"),
    Switch(
        "newline",
        "newline",
        _one_of(lf="\n", crlf="\r\n", cr="\r"),
        "lf, crlf or cr",
        "ends a stream's lines",
    ),
    Switch(
        "chunk-size", "chunk_size", _number, "BYTES", "cuts the body into pieces of this size, 1 ms apart"
    ),
    Switch(
        "huge-line", "huge_line", _number, "BYTES", "in a stream: one line this long after the first event"
    ),
    Switch("malformed", "malformed", _flag, "true or false", "`true`: the JSON of the answer is cut in half"),
    Switch("answer", "answer", unquote, "TEXT, percent-encoded", "what the model says"),
    Switch("pass", "passes", _flag, "true or false", "whether the answer is right"),
    Switch("finish", "finish", str, "TEXT", "the finish reason"),
    Switch("empty", "empty", _flag, "true or false", "`true`: the answer holds nothing"),
    Switch(
        "tool-calls", "tool_calls", _number, "NUMBER", "so many functions are called; 0: it says something"
    ),
    Switch("block", "block", str, "TEXT", "Gemini: the prompt is blocked for this reason"),
    Switch("reason", "reason", str, "TEXT", "Gemini: the reason in the details of an error"),
    Switch(
        "retry-delay", "retry_delay", str, "TEXT", "Gemini: how long an error's details ask to wait (`37s`)"
    ),
    Switch("usage", "usage", _usage, "input=9,output=5,cached=0,reasoning=0", "the token counts"),
    Switch("seed", "seed", int, "INTEGER", "fixes every draw of this request"),
)
_BY_HEADER = {f"x-simulated-{switch.header}".encode(): switch for switch in SWITCHES}


def parse(headers: Iterable[tuple[bytes, bytes]]) -> Faults:
    """The faults that request headers (lower-case names) ask for.

    Raises ValueError with one line that names the header.
    """
    asked: dict[str, Any] = {}
    for name, value in headers:
        if not name.startswith(PREFIX):
            continue
        switch = _BY_HEADER.get(name)
        if switch is None:
            raise ValueError(f"{name.decode('latin-1')}: no such fault")
        try:
            asked[switch.sets] = switch.read(value.decode("utf-8").strip())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{name.decode('latin-1')}: must be {switch.values}") from None
    return Faults(**asked)
