"""The pieces of one request by themselves, in microseconds: `make bench-micro`.

Which piece became slower is seen here; what a request costs as a whole, kernel and event loop included, only
`python -m tests.bench` says.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import httptools
from rich.console import Console
from rich.table import Table as Sheet

from config.load import parse
from gateway.compiled import manner
from gateway.data.account import Account
from gateway.data.authenticate import authenticate
from gateway.data.check import check_chat
from gateway.data.head import Head
from gateway.data.headers import forwarded_headers, passed_headers, response_headers
from gateway.data.parse import dump_json, parse_json
from gateway.data.record import Recorder
from gateway.data.table import Table
from gateway.sse import Splitter
from routing.compile import compile_snapshot
from routing.cost import cost_usd, usage_of
from routing.decide import decide
from routing.facts import Facts
from routing.request_id import identity_of
from routing.shape import shape
from tests.bench.headgate import KEY, configuration, name_of
from tests.bench.load import request

ROUNDS, CALLS = 5, 10_000
NONCE = bytes(12)
ANSWER_HEADERS = {
    b"content-type": b"application/json",
    b"openai-processing-ms": b"412",
    b"openai-version": b"2020-10-01",
    b"x-request-id": b"req_7f3a91c2b64d4e0f",
    b"x-ratelimit-limit-requests": b"10000",
    b"x-ratelimit-remaining-requests": b"9999",
    b"x-ratelimit-remaining-tokens": b"1999712",
    b"content-length": b"585",
}
USAGE = {
    "prompt_tokens": 219,
    "completion_tokens": 34,
    "total_tokens": 253,
    "prompt_tokens_details": {"cached_tokens": 128, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 0},
}
EVENT = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":" union"}}],"usage":null}\n\n'


@dataclass
class Heard:
    """What a parser heard of a request: headers and body."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body


def hear(raw: bytes) -> Heard:
    """A request through the HTTP parser, the least that Python can do with it."""
    heard = Heard()
    httptools.HttpRequestParser(heard).feed_data(raw)
    return heard


def pieces() -> dict[str, Callable[[], object]]:
    """Each piece as a call without arguments, in the order of a request's journey."""
    loaded = parse(configuration(1, [""]), base=Path("."), environ={})
    snapshot = compile_snapshot(loaded.config, revision=1, signing_keys=(bytes(32),), unit_key=bytes(32))
    table, recorder = Table(snapshot, bytes(6)), Recorder(0)
    raw = request(1, "/v1/chat/completions", name_of(""), KEY, stream=False)
    heard = hear(raw)
    head = Head(b"POST", b"/v1/chat/completions", b"", heard.headers, True, True)
    caller = SimpleNamespace(head=head, local=True)
    key = authenticate(table, caller, "chat")
    body = parse_json(heard.body, heard.headers)
    facts = Facts("chat", body["model"], key, heard.headers, body, NONCE)
    decision = decide(snapshot, facts)
    price, usage = decision.variant.price, usage_of(USAGE)
    assert price is not None and usage is not None
    shaped = shape(body, decision.variant, stream_usage=False)
    identity = identity_of(decision, key, 1_700_000_000_000)

    account = Account(NONCE, perf_counter())
    account.key, account.decision, account.served = key, decision, decision.variant.name
    account.attempts, account.usage, account.cost = 1, usage, cost_usd(usage, price)
    account.request_id = table.sealer.seal(NONCE, identity)
    account.status = "ok"
    date = b"Sat, 21 Nov 2026 02:24:00 GMT"

    numbers = count()

    def recorded() -> None:
        recorder.finished(account, perf_counter())
        if next(numbers) % 1000 == 0:
            recorder.flush({}, [], [])

    return {
        "parse HTTP": lambda: hear(raw),
        "authenticate": lambda: authenticate(table, caller, "chat"),
        "parse JSON": lambda: parse_json(heard.body, heard.headers),
        "check": lambda: check_chat(body),
        "decide": lambda: decide(snapshot, Facts("chat", body["model"], key, heard.headers, body, NONCE)),
        "identity": lambda: identity_of(decision, key, 1_700_000_000_000),
        "seal": lambda: table.sealer.seal(NONCE, identity),
        "shape": lambda: shape(body, decision.variant, stream_usage=False),
        "write JSON": lambda: dump_json(shaped),
        "forwarded headers": lambda: forwarded_headers(head, simulated=False),
        "usage and cost": lambda: cost_usd(usage_of(USAGE) or usage, price),
        "own headers": lambda: response_headers(table, account, date, priced=True),
        "passed headers": lambda: passed_headers(ANSWER_HEADERS),
        "record, a message every 1,000": recorded,
        "one event of a stream": lambda: Splitter().feed(EVENT),
    }


def cost(call: Callable[[], Any]) -> float:
    """Microseconds of one call: the best of several rounds, since what disturbs only ever adds."""
    return min(timeit.repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def main() -> None:
    """Prints the table."""
    sheet = Sheet(title=f"The pieces of one request, {manner()}")
    sheet.add_column("piece")
    sheet.add_column("µs", justify="right")
    total = 0.0
    for name, call in pieces().items():
        microseconds = cost(call)
        total += microseconds
        sheet.add_row(name, f"{microseconds:.2f}")
    sheet.add_section()
    sheet.add_row("all of them", f"{total:.2f}")
    Console().print(sheet)


if __name__ == "__main__":
    main()
