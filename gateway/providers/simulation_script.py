"""The script of one answer: head, timed chunks and how it ends, whoever plays it.

`write` is pure. The in-process provider plays a script to the gateway, the HTTP server plays the same one
to a socket; so a fault is the same fault in both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import chain, islice
from random import Random
from typing import Any

from gateway.providers.base import Headers
from gateway.providers.simulation import Behaviour, Prompt, compose, latency
from gateway.providers.simulation_dialect import Dialect, Event
from gateway.providers.simulation_faults import HEAD, Faults, parse
from gateway.providers.simulation_gemini import dialect as gemini
from gateway.providers.simulation_google import COMPATIBLE
from gateway.providers.simulation_openai import CHAT, COMPLETIONS, EMBEDDINGS
from gateway.providers.simulation_responses import COMPACTION, INPUT_TOKENS, RESPONSES
from gateway.providers.simulation_shelf import Answer, NotFound, Shelf

_JSON = (b"content-type", b"application/json")
_SSE = (b"content-type", b"text/event-stream; charset=utf-8")
_PIECE = 64
_LINE = 65_536
_APART = 0.001
"""Seconds between pieces of a cut body, so that a reader sees them one by one."""

_OPENAI = {
    "/chat/completions": CHAT,
    "/completions": COMPLETIONS,
    "/embeddings": EMBEDDINGS,
    "/responses": RESPONSES,
    "/responses/compact": COMPACTION,
    "/responses/input_tokens": INPUT_TOKENS,
}
_GEMINI = re.compile(r"/models/([^/:?]+):(generateContent|streamGenerateContent)(\?.*)?$")
_PREFIX = re.compile(r"^/(?:v1beta/openai|v1beta|v1)(?=/)")


class End(Enum):
    """How an answer ends: completely, never, by a reset, or by a plain close of the connection."""

    COMPLETE = "complete"
    STALL = "stall"
    RESET = "reset"
    EOF = "eof"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a body, `delay` seconds after those before."""

    delay: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Script:
    """One answer.

    `wait` seconds before anything; `silent`: not even the head is sent; `framing` is `length`, `chunked` or
    `close`; `length` what a content-length says, even when `chunks` hold less.
    """

    status: int
    headers: Headers
    wait: float
    framing: str
    length: int
    chunks: Iterator[Chunk]
    end: End
    silent: bool = False


def write(
    path: str,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    behaviour: Behaviour,
    rng: Random,
    now: float,
    shelf: Shelf | None = None,
    method: str = "POST",
) -> Script:
    """The answer to a request. `path` may carry the prefix of a base URL and a query; header names are lower
    case; `now` is the Unix time in seconds; what is to be stored goes onto the shelf.
    """
    shelf = Shelf() if shelf is None else shelf
    dialect = find(path) if method == "POST" else None
    if dialect is None:
        return _stored(shelf.answer(method, _PREFIX.sub("", path), now))
    try:
        faults = parse(headers)
        prompt = dialect.read(_object(body))
        if dialect is RESPONSES:
            prompt = shelf.follow(prompt)
    except NotFound as error:
        return _plain(
            dialect, 400, str(error), param="previous_response_id", code="previous_response_not_found"
        )
    except ValueError as error:
        return _plain(dialect, 400, str(error))
    if faults.model is not None and faults.model != prompt.model:
        faults = Faults()
    if faults.seed is not None:
        rng = Random(faults.seed)
    return _scene(dialect, prompt, faults, behaviour, rng, now, shelf)


def find(path: str) -> Dialect | None:
    """The wire format that a path speaks; None when there is none."""
    google = path.startswith("/v1beta/openai/")
    path = _PREFIX.sub("", path)
    match = _GEMINI.search(path)
    if match is not None:
        stream = match[2] == "streamGenerateContent"
        return gemini(match[1], stream=stream, sse="alt=sse" in (match[3] or ""))
    path = path.partition("?")[0]
    return COMPATIBLE if google and path == "/chat/completions" else _OPENAI.get(path)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(content, dict):
        raise ValueError("the body must be a JSON object")
    return content


def _stored(answer: Answer | None) -> Script:
    """The answer to a request for something stored."""
    status, said = answer or (404, CHAT.error(404, "no such path on the simulated upstream"))
    if isinstance(said, Mapping):
        data = _dump(said)
        return Script(status, [_JSON], 0.0, "length", len(data), iter((Chunk(0.0, data),)), End.COMPLETE)
    frames = _stream(RESPONSES, said, Faults(), 0.0)
    return Script(status, [_SSE], 0.0, "chunked", 0, frames, End.COMPLETE)


def _plain(dialect: Dialect, status: int, message: str, **fields: str) -> Script:
    body = dialect.error(status, message)
    data = _dump({"error": {**body["error"], **fields}})
    return Script(status, [_JSON], 0.0, "length", len(data), iter((Chunk(0.0, data),)), End.COMPLETE)


def _scene(
    dialect: Dialect,
    prompt: Prompt,
    faults: Faults,
    behaviour: Behaviour,
    rng: Random,
    now: float,
    shelf: Shelf,
) -> Script:
    wait = latency(behaviour, rng) if faults.latency is None else faults.latency
    status = faults.status or (500 if rng.random() < behaviour.error_rate else 200)
    reply = compose(prompt, behaviour, faults, rng, now)
    pace = behaviour.tokens_per_second if faults.tokens_per_second is None else faults.tokens_per_second
    per_token = 1.0 / pace if pace else 0.0
    background = prompt.body.get("background") is True
    if dialect is RESPONSES and status < 400:
        ready = now + wait + per_token * len(reply.tokens) if background else now
        shelf.keep(prompt, reply, ready)
    if prompt.stream and status < 400 and faults.body is None:
        head = _SSE if dialect.sse else _JSON
        frames = _stream(dialect, dialect.events(reply, prompt, faults.merge_role), faults, per_token)
        return _staged(status, head, wait, "chunked", frames, faults)
    if faults.body is not None:
        data = faults.body.encode()
    elif status >= 400:
        data = _dump(dialect.details(dialect.error(status, "simulated failure"), faults))
    else:
        data = _dump(dialect.whole(reply, prompt))
        wait = 0.0 if background else wait + per_token * len(reply.tokens)
    if faults.malformed:
        data = data[: len(data) // 2]
    pieces = _cut([Chunk(0.0, data)], _PIECE, 0.0)
    return _staged(status, _JSON, wait, "length", pieces, faults)


def _stream(dialect: Dialect, events: Iterable[Event], faults: Faults, per_token: float) -> Iterator[Chunk]:
    """The events of a stream in wire form, one chunk each, with the faults that concern events."""
    newline = faults.newline.encode()
    frame = _sse_frame if dialect.sse else _array_frame
    for _ in range(faults.comments):
        yield Chunk(0.0, b": simulated" + newline * 2)
    number = 0
    for number, event in enumerate(events):
        if number == faults.error_after:
            message = "simulated failure"
            failure = dialect.failure
            event = failure(message, number) if failure else Event(dialect.error(500, message))
            yield Chunk(0.0, frame(event, number, newline, malformed=False))
            return
        malformed = faults.malformed and number == 0
        yield Chunk(per_token if event.token else 0.0, frame(event, number, newline, malformed))
        if number == 0 and faults.huge_line:
            yield from _huge(faults.huge_line, newline)
    if not dialect.sse:
        yield Chunk(0.0, b"]")
    elif dialect.done and faults.done:
        yield Chunk(0.0, b"data: " + dialect.done + newline * 2)


def _sse_frame(event: Event, number: int, newline: bytes, malformed: bool) -> bytes:
    data = _dump(event.data)
    if malformed:
        data = data[: len(data) // 2]
    name = b"event: " + event.name.encode() + newline if event.name else b""
    return name + b"data: " + data + newline * 2


def _array_frame(event: Event, number: int, newline: bytes, malformed: bool) -> bytes:
    data = _dump(event.data)
    if malformed:
        data = data[: len(data) // 2]
    return (b"," if number else b"[") + data + newline


def _huge(size: int, newline: bytes) -> Iterator[Chunk]:
    """One line of `size` bytes, made while it is sent: it may be larger than memory should hold."""
    yield Chunk(0.0, b"data: ")
    for start in range(0, size, _LINE):
        yield Chunk(0.0, b"x" * min(_LINE, size - start))
    yield Chunk(0.0, newline * 2)


def _staged(
    status: int,
    head: tuple[bytes, bytes],
    wait: float,
    framing: str,
    chunks: Iterable[Chunk],
    faults: Faults,
) -> Script:
    """The script with the faults that concern the connection, whatever it carries."""
    extra = [*faults.headers]
    if faults.retry_after is not None:
        extra.append((b"retry-after", faults.retry_after.encode("latin-1", "replace")))
    if not any(name == b"content-type" for name, _ in extra):
        extra.insert(0, head)
    framing, length = faults.framing or framing, 0
    if framing == "length":
        chunks = list(chunks)
        length = sum(len(chunk.data) for chunk in chunks)
    end, after = _break(faults)
    if after is not None:
        chunks = islice(chunks, max(after, 0))
    if faults.chunk_size:
        chunks = _cut(chunks, faults.chunk_size, _APART)
    if faults.first_token:
        chunks = chain((Chunk(faults.first_token, b""),), chunks)
    return Script(status, extra, wait, framing, length, iter(chunks), end, silent=after == HEAD)


def _break(faults: Faults) -> tuple[End, int | None]:
    places = (
        (End.STALL, faults.stall_after),
        (End.RESET, faults.reset_after),
        (End.EOF, faults.end_after),
    )
    return next(((end, after) for end, after in places if after is not None), (End.COMPLETE, None))


def _cut(chunks: Iterable[Chunk], size: int, apart: float) -> Iterator[Chunk]:
    """The same bytes in pieces of `size`, `apart` seconds from each other."""
    for chunk in chunks:
        for start in range(0, len(chunk.data), size):
            yield Chunk(apart if start else chunk.delay + apart, chunk.data[start : start + size])


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
