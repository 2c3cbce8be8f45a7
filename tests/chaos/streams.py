"""Streams that break, never end, or are cut in the worst places."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence

from tests.chaos.lab import Lab, Memory, Scene, workers_of
from tests.chaos.row import Figure, Figures, Row, none
from tests.support.client import PATIENCE, Response
from tests.support.scripted import (
    CLOSE,
    RESET,
    STREAM_END,
    STREAM_HEAD,
    Received,
    Step,
    Wait,
    answer,
    chunk,
    event,
)

NEVER = threading.Event()
FIVE = [event(str(number)) for number in range(5)]
SUCCESS = b"[DONE]"
ENDINGS: dict[str, tuple[str, list[Step]]] = {
    "stall": ("hasty", [Wait(NEVER)]),
    "reset": ("solo", [RESET]),
    "end of file": ("solo", [CLOSE]),
    "an end without [DONE]": ("solo", [STREAM_END]),
    "half an event": ("solo", [chunk(event("5")[:-9]), CLOSE]),
    "half a chunk": ("solo", [chunk(event("5"))[:-9], RESET]),
}
"""What comes after five events, and the kind of route that shows it soon."""


def broken_off(lab: Lab) -> Figures:
    """After five events the upstream stalls, resets, or just ends."""
    scene = lab.scene()
    wrong: list[object] = []
    twice: list[str] = []
    routes: list[str] = []
    for name, (kind, ending) in ENDINGS.items():
        route = scene.route(kind)
        scene.upstream.script = says([STREAM_HEAD, *map(chunk, FIVE), *ending])
        answered = scene.ask(route, stream=True)
        *events, last = answered.body.split(b"\n\n")[:-1]
        if answered.status != 200 or not is_error(last) or SUCCESS in answered.body:
            wrong.append((name, answered.body[-200:]))
        if [one + b"\n\n" for one in events] != FIVE:
            twice.append(name)
        routes.append(route)
    return [
        none("without an error event, or with [DONE]", wrong),
        none("lost or duplicated text", twice),
        none("not counted as failed", [route for route in routes if not is_counted(scene, route)]),
    ]


def is_counted(scene: Scene, route: str) -> bool:
    """Whether the metrics come to count the route's request as the upstream's failure, and nothing else."""
    metric, name = scene.gateway.metric, "headgate_requests_total"
    scene.gateway.wait_for_metric(1, name, route=route)
    return metric(name, route=route, status="upstream_error") == metric(name, route=route) == 1


def too_much(lab: Lab) -> Figures:
    """A line of 100 MB in a stream, and answers that would unpack to 100 MB."""
    scene = lab.scene()
    scene.ask(scene.route("solo"))
    memory = Memory(workers_of(scene.gateway)[0].pid)
    part = chunk(b"x" * 65536)
    line = [chunk(b"data: "), *[part] * 1600, Wait(NEVER)]
    bomb = gzip.compress(bytes(100_000_000), 9)
    packed = b"content-encoding: gzip\r\n"
    streamed = STREAM_HEAD[:-2] + packed + b"\r\n"
    wrong: list[object] = []
    left_open: list[str] = []
    for name, stream, steps, good in (
        ("a line, committed", True, [STREAM_HEAD, chunk(event("a")), *line], is_cut),
        ("a line at once", True, [STREAM_HEAD, *line], is_refused),
        ("a bomb, streamed", True, [streamed, chunk(bomb), STREAM_END], is_refused),
        ("a bomb, plain", False, answer(headers={"content-encoding": "gzip"}, body=bomb), is_refused),
    ):
        route = scene.route("solo")
        for _ in range(lab.size(5, 1)):
            scene.upstream.script = says(steps)
            answered = scene.ask(route, stream=stream)
            if not good(answered):
                wrong.append((name, answered.status, answered.body[:200]))
            if line[-1] in steps and not scene.upstream.received[-1].over.wait(PATIENCE):
                left_open.append(name)
    return [
        none("not cut", wrong),
        none("upstream connections left open", left_open),
        Figure("worker's growth at its peak", memory.peak(), "MB", at_most=10),
    ]


def is_cut(answered: Response) -> bool:
    """Whether this is a stream that ends with an error event."""
    last = answered.body.split(b"\n\n")[-2]
    return answered.status == 200 and is_error(last) and SUCCESS not in answered.body


def is_refused(answered: Response) -> bool:
    """Whether this is an upstream error."""
    return answered.status == 502


def is_error(block: bytes) -> bool:
    """Whether an event is an error in its envelope."""
    return bool(json.loads(block.removeprefix(b"data: ")).get("error", {}).get("code"))


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────

TEXT = (
    event("first").decode()
    + 'data: {"choices":[{"delta":{"content":"백준 2557 \N{GRINNING FACE}"}}]}\n\n'
    + ": a comment, é\n\n"
    + 'data: {"choices":[{"delta":{"content":"one\u2028line\u2029and\u0085another"}}]}\n\n'
    + "event: odd\nid: 7\ndata: {\ndata: }\n\n"
    + "data: \ufeff{}\n\n"
    + "data: BAD\n\n"
    + "data: [DONE]\n\n"
)
LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}


class Moment(threading.Event):
    """An event that comes by itself, the second time that somebody looks."""

    def is_set(self) -> bool:
        """False once."""
        before = super().is_set()
        self.set()
        return before


def split_anywhere(lab: Lab) -> Figures:
    """Streams cut between any two bytes, with every line end, with text that is hard on careless relays."""
    scene = lab.scene()
    route = scene.route("solo")
    corrupted: list[str] = []
    streams = 0
    for name, end in LINE_ENDS.items():
        text = TEXT.encode().replace(b"\n", end).replace(b"BAD", b"\xff\xfe\xc3(\xe2\x80")
        for how, steps in ways(text, lab.size(1, 4)):
            streams += 1
            scene.upstream.script = says([STREAM_HEAD, *steps, STREAM_END])
            try:
                body = scene.ask(route, stream=True).body
            except http.client.HTTPException as error:
                body = repr(error).encode()
            if body != text:
                corrupted.append(f"{name}, {how}: {body!r}")
    return [Figure("streams", streams), none("corrupted", corrupted)]


def ways(text: bytes, stride: int) -> Iterator[tuple[str, list[Step]]]:
    """How `text` may arrive: whole, a chunk a byte, and with a pause behind each of its bytes.

    A `stride` of 1 pauses at all of them; else behind every so manyth, and wherever a character of several
    bytes or a line end is cut.
    """
    yield "whole", [chunk(text)]
    yield "a chunk a byte", [chunk(bytes([byte])) for byte in text]
    yield "paused", list(paused(text, stride))


def paused(text: bytes, stride: int) -> Iterator[Step]:
    """The text with pauses."""
    start = 0
    for at in range(1, len(text) + 1):
        if at % stride == 0 or text[at - 1] > 127 or text[at - 1] in b"\r\n" or at == len(text):
            yield chunk(text[start:at])
            yield Wait(Moment())
            start = at


def says(steps: Sequence[Step]) -> Callable[[Received], list[Step]]:
    """The same for every call."""
    return lambda received: list(steps)


ROWS = (
    Row(
        "broken-off",
        "a stall, a reset or a bare end after five events of a stream",
        "an error event, no `[DONE]`, counted as failed: duplicated text 0",
        broken_off,
    ),
    Row(
        "too-much",
        "a line of 100 MB in a stream, a gzip bomb",
        "cut at the cap: memory grows by < 10 MB",
        too_much,
    ),
    Row(
        "split-anywhere",
        "UTF-8 or CRLF split across reads, U+2028, bytes that are no UTF-8",
        "relayed byte for byte: corrupted 0",
        split_anywhere,
    ),
)
