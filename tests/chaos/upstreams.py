"""Upstreams that fail before they have answered: what is tried next, and how often."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from tests.chaos.crowd import Told, ask_many, run
from tests.chaos.lab import AT_MOST, HASTE, Lab, Scene, raw_chat, slowest
from tests.chaos.row import Figure, Figures, Row, none
from tests.support.client import PATIENCE
from tests.support.scripted import (
    CLOSE,
    RESET,
    STREAM_HEAD,
    Received,
    Step,
    Wait,
    answer,
    chunk,
    event,
    stream,
)

NEVER = threading.Event()


def calls_per_request(scene: Scene, told: list[Told]) -> Figure:
    """Upstream calls, against what a retry budget of a fifth allows."""
    return Figure("upstream calls / request", len(scene.upstream.received) / len(told), at_most=1.2)


def one_fails_often(lab: Lab) -> Figures:
    """Of three upstreams one answers 30 % of its calls with 503."""
    draw = random.Random(7).random

    def script(received: Received) -> list[Step]:
        return answer(status=503 if received.path.startswith("/one/") and draw() < 0.3 else 200)

    scene = lab.scene()
    scene.upstream.script = script
    told = run(ask_many(scene.gateway.port, raw_chat(scene.route("three")), lab.size(6000, 600), at_once=8))
    its_own = [one for one in told if one.headers.get("x-headgate-variant") == "one"]
    spared = [
        one
        for one in its_own
        if one.headers["x-headgate-served-variant"] != "one" and one.headers["x-headgate-attempts"] == "1"
    ]
    return [
        calls_per_request(scene, told),
        none("failed requests", [one for one in told if not one.good]),
        Figure("requests that passed it over", len(spared), at_least=1),
        Figure("of", len(its_own)),
    ]


def all_fail(lab: Lab) -> Figures:
    """Everything answers 503."""
    scene = lab.scene()
    scene.upstream.script = always(answer(status=503))
    told = run(ask_many(scene.gateway.port, raw_chat(scene.route("three")), lab.size(3000, 400), at_once=8))
    return [
        calls_per_request(scene, told),
        none("answers other than 502", [one for one in told if one.status != 502]),
        none("without the envelope", [one for one in told if one.code != "upstream_error"]),
    ]


def refused(lab: Lab) -> Figures:
    """The variant's upstream does not listen."""
    scene = lab.scene()
    route = scene.route("unreachable")
    count = lab.size(100, 20)
    answers = [scene.ask(route) for _ in range(count)]
    return [
        none("failed requests", [one.status for one in answers if one.status != 200]),
        none("calls of the fallback too many", scene.calls(route)[count:]),
    ]


def reset_after_sending(lab: Lab) -> Figures:
    """The request was read, and the connection is reset, or closed, without an answer."""
    scene = lab.scene()
    wrong, extra = [], []
    for end in (RESET, CLOSE):
        for streamed in (False, True):
            for kind in ("pair", "solo"):
                route = scene.route(kind)
                scene.upstream.script = always([end])
                answered = scene.ask(route, stream=streamed)
                if answered.status != 502 or answered.error["code"] != "upstream_error":
                    wrong.append(f"{kind} {answered.status}")
                extra += scene.calls(route)[1:]
    return [none("answers other than 502", wrong), none("calls beyond the first", extra)]


def no_first_byte(lab: Lab) -> Figures:
    """The upstream takes the request and says nothing."""
    scene = lab.scene()
    wrong: list[str] = []
    late: list[float] = []
    scene.upstream.script = silent_first
    for kind, streamed, status, after in (
        ("hasty", False, 504, AT_MOST),
        ("hasty", True, 504, HASTE),
        ("hasty-pair", True, 200, HASTE),
    ):
        route = scene.route(kind)
        began = time.monotonic()
        answered = scene.ask(route, stream=streamed)
        late.append(time.monotonic() - began - after)
        if answered.status != status:
            wrong.append(f"{kind} {streamed}: {answered.status}")
    silent = [received for received in scene.upstream.received if not spare(received)]
    return [
        none("wrong answers", wrong),
        none("upstream connections left open", [one.path for one in silent if not one.closed.wait(PATIENCE)]),
        Figure("latest beyond the deadline", slowest(late), "s", at_most=1, timed=True),
        none("early", [seconds for seconds in late if seconds < 0]),
    ]


def error_in_a_200(lab: Lab) -> Figures:
    """A stream's head says 200, its first or a later event is an error."""
    scene = lab.scene()
    failing = chunk(b'data: {"error": {"message": "overloaded", "code": 529}}\n\n')
    wrong: list[object] = []

    scene.upstream.script = lambda received: (
        stream(event("fine")) if spare(received) else [STREAM_HEAD, failing, b"0\r\n\r\n"]
    )
    answered = scene.ask(scene.route("pair"), stream=True)
    if answered.status != 200 or b"fine" not in answered.body or b"529" in answered.body:
        wrong.append(("first event, fallback", answered))
    answered = scene.ask(scene.route("solo"), stream=True)
    if answered.status != 502:
        wrong.append(("first event, no fallback", answered))

    disguised = answer(body=b'{"error": {"message": "overloaded", "code": 529}}')
    scene.upstream.script = lambda received: answer("fine") if spare(received) else disguised
    answered = scene.ask(scene.route("pair"))
    if answered.status != 200 or b"fine" not in answered.body:
        wrong.append(("no stream, fallback", answered))
    if scene.ask(scene.route("solo")).status != 502:
        wrong.append("no stream, no fallback")

    scene.upstream.script = always([STREAM_HEAD, chunk(event("a")), failing, *stream()[1:]])
    answered = scene.ask(scene.route("pair"), stream=True)
    if b'"error"' not in answered.body or b"[DONE]" in answered.body or b"529" in answered.body:
        wrong.append(("later event", answered))
    return [none("wrong 200s", wrong)]


def rate_limited(lab: Lab) -> Figures:
    """429 with every kind of `retry-after`."""
    scene = lab.scene()
    wrong: list[object] = []
    early: list[str] = []
    for said, told, waits in (
        ("2", "2", None),
        ("3600", "3600", None),
        ("999999", "86400", None),
        ("soon", "1", None),
        ("-5", "1", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "1", 0.0),
        ("1", "1", 1.0),
    ):
        route = scene.route("solo")
        times: list[float] = []
        scene.upstream.script = limited(said, times)
        answered = scene.ask(route)
        if (answered.status, answered.headers.get("retry-after")) != (429, told):
            wrong.append((said, answered))
        gaps = [later - before for before, later in zip(times, times[1:], strict=False)]
        early += [f"{said}: {gap:.3f} s" for gap in gaps if waits is None or gap < waits]
    scene.upstream.script = lambda received: (
        answer() if spare(received) else answer(status=429, headers={"retry-after": "3600"})
    )
    answered = scene.ask(scene.route("pair"))
    if answered.status != 200:
        wrong.append(("fallback", answered))
    return [none("early retries", early), none("wrong answers", wrong)]


def limited(said: str, times: list[float]) -> Callable[[Received], list[Step]]:
    """Answers 429 and notes when it was asked."""

    def script(received: Received) -> list[Step]:
        times.append(time.monotonic())
        return answer(status=429, headers={"retry-after": said})

    return script


def cut_short(lab: Lab) -> Figures:
    """Fewer bytes than the length promised, or chunks without their end."""
    scene = lab.scene()
    wrong: list[object] = []
    whole = answer()[0]
    assert isinstance(whole, bytes)
    body = whole.partition(b"\r\n\r\n")[2]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    chunked = head + b"transfer-encoding: chunked\r\n\r\n"
    for steps in (
        [head + b"content-length: %d\r\n\r\n%b" % (len(body) + 1, body), CLOSE],
        [head + b"content-length: 100\r\n\r\n{}", CLOSE],
        [chunked + chunk(body), CLOSE],
        [chunked + chunk(body)[:-5], RESET],
        [chunked + b"%x\r\n%b" % (len(body) + 9, body), CLOSE],
    ):
        scene.upstream.script = always(steps)
        if (answered := scene.ask(scene.route("solo"))).status != 502:
            wrong.append((steps, answered))
    for ending in ([chunk(event("b"))[:-9], CLOSE], [CLOSE], [RESET]):
        scene.upstream.script = always([STREAM_HEAD, chunk(event("a")), *ending])
        answered = scene.ask(scene.route("solo"), stream=True)
        if b'"error"' not in answered.body or b"[DONE]" in answered.body:
            wrong.append((ending, answered))
    return [none("false successes", wrong)]


def always(steps: list[Step]) -> Callable[[Received], list[Step]]:
    """The same for every call."""
    return lambda received: steps


def spare(received: Received) -> bool:
    """Whether a call is for a route's fallback."""
    return str(received.json["model"]).endswith("-spare")


def silent_first(received: Received) -> list[Step]:
    """The fallback answers; nobody else ever does."""
    return stream(event("fine")) if spare(received) else [Wait(NEVER)]


ROWS = (
    Row(
        "one-fails-often",
        "one of three upstreams answers 30 % of its calls with 503",
        "its breaker opens, the others serve: upstream calls ≤ 1.2 a request",
        one_fails_often,
    ),
    Row(
        "all-fail",
        "all upstreams answer 503",
        "no storm, 502: upstream calls ≤ 1.2 a request",
        all_fail,
    ),
    Row(
        "refused",
        "an upstream refuses connections",
        "the next variant serves: failures 0",
        refused,
        test="test_failures.py::test_refused_connection_falls_back",
    ),
    Row(
        "reset-after-sending",
        "an upstream takes the request and resets the connection",
        "502, nobody else is asked: 1 upstream call",
        reset_after_sending,
        test="test_failures.py::test_ambiguous_is_sent_once",
    ),
    Row(
        "no-first-byte",
        "an upstream takes the request and says nothing",
        "504 at the deadline, or the next variant; its connection is closed",
        no_first_byte,
        test="test_failures.py::test_no_first_byte_in_time",
    ),
    Row(
        "error-in-a-200",
        "an upstream says 200, then sends an error",
        "at once: the next variant, or 502; later: an error event: wrong 200s 0",
        error_in_a_200,
    ),
    Row(
        "rate-limited",
        "429 with `retry-after` 2, 3600, garbage, a past date",
        "honoured, capped, forwarded: early retries 0",
        rate_limited,
    ),
    Row(
        "cut-short",
        "a short `content-length`, a truncated chunked body",
        "502, or an error event: false successes 0",
        cut_short,
    ),
)
