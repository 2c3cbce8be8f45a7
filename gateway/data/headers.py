"""Headers: what the gateway says of a request, and what it lets through in either direction."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

from gateway.data.account import Account
from gateway.data.head import Head
from gateway.data.table import Table

FORWARDED: Final = frozenset(
    (b"content-type", b"accept", b"user-agent", b"openai-beta", b"idempotency-key", b"x-client-request-id",
     b"traceparent")
)  # fmt: skip
"""Request headers that an upstream may see; `x-simulated-*` too, when it is a simulated one."""
COPIED: Final = frozenset((b"content-type", b"user-agent", b"openai-beta"))
"""What of these goes with a copy: not what would make it the same request, or part of a trace."""
DOWNLOADED: Final = frozenset((b"content-disposition", b"content-encoding", b"etag", b"last-modified"))
"""Response headers that describe a file."""
_PASSED: Final = (b"openai-", b"x-ratelimit-", b"retry-after")
_VALIDATE: Final = b"x-headgate-validate: 1\r\n"
REMEMBERED: Final = 500
"""Sets of header names for which a filter remembers what passes …"""
LONGEST: Final = 1024
"""… unless a set has more bytes than this."""


def response_headers(table: Table, account: Account, date: bytes, *, priced: bool = False) -> bytes:
    """The gateway's own lines, on answers and errors alike; `priced`: the cost is known by now, if ever."""
    decision = account.decision
    if decision is None or not table.full:
        return b"date: %b\r\nx-request-id: %b\r\n" % (date, account.request_id.encode())
    difficulty, cost, passed_over = decision.difficulty.value, account.cost, account.passed_over
    return b"date: %b\r\nx-request-id: %b\r\n%bx-headgate-attempts: %d\r\n%b%b%b%b" % (
        date, account.request_id.encode(), table.lines(decision, account.served), account.attempts,
        b"" if difficulty is None else b"x-headgate-difficulty: %g\r\n" % difficulty,
        b"" if cost is None or not priced else b"x-headgate-cost-usd: %.9f\r\n" % cost,
        _VALIDATE if decision.wants_outcome else b"",
        _seldom(account) if passed_over or account.cascade is not None else b"",
    )  # fmt: skip


def _seldom(account: Account) -> bytes:
    """What only some answers say: whose breaker was open, what became of a cascade's first answer."""
    passed_over, cascade = account.passed_over, account.cascade
    breaker = b"x-headgate-breaker: %b\r\n" % ", ".join(passed_over).encode() if passed_over else b""
    return breaker + (b"" if cascade is None else b"x-headgate-cascade: %b\r\n" % cascade.verdict.encode())


Values = Callable[[dict[bytes, bytes]], Any]


class Filter:
    """Lets some headers through as lines, under the name that `passes` gives them; empty: not at all.

    Messages come with the same few sets of names again and again, so what to do with a set is worked out
    once, as a template and a getter of the values that fill it.
    """

    def __init__(self, passes: Callable[[bytes], bytes]) -> None:
        self._passes = passes
        self._known: dict[tuple[bytes, ...], tuple[bytes, Values]] = {}

    def lines(self, headers: dict[bytes, bytes]) -> bytes:
        """The lines that pass."""
        names = tuple(headers)
        known = self._known.get(names)
        if known is None:
            known = self._learn(names)
        template, values = known
        lines: bytes = template % values(headers)
        return lines

    def _learn(self, names: tuple[bytes, ...]) -> tuple[bytes, Values]:
        passing = [(name, passed) for name in names if (passed := self._passes(name))]
        template = b"".join([b"%b: %%b\r\n" % passed.replace(b"%", b"%%") for _, passed in passing])
        values: Values = itemgetter(*[name for name, _ in passing]) if passing else _no_values
        if len(self._known) < REMEMBERED and sum(map(len, names)) <= LONGEST:
            self._known[names] = template, values
        return template, values


def _no_values(_: dict[bytes, bytes]) -> tuple[()]:
    return ()


def _passed(name: bytes) -> bytes:
    if name == b"x-request-id":
        return b"x-upstream-request-id"
    return name if name == b"content-type" or name.startswith(_PASSED) else b""


def _passed_with_error(name: bytes) -> bytes:
    return b"" if name in (b"content-type", b"retry-after") else _passed(name)


def _downloaded(name: bytes) -> bytes:
    return name if name in DOWNLOADED else _passed(name)


def _forwarded(name: bytes) -> bytes:
    return name if name in FORWARDED else b""


def _forwarded_to_simulated(name: bytes) -> bytes:
    return name if name in FORWARDED or name.startswith(b"x-simulated-") else b""


def _copied(name: bytes) -> bytes:
    return name if name in COPIED else b""


def _copied_to_simulated(name: bytes) -> bytes:
    return name if name in COPIED or name.startswith(b"x-simulated-") else b""


def _untraced(passes: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """The same without the caller's span, in whose place the attempt's own goes."""
    return lambda name: b"" if name == b"traceparent" else passes(name)


_to_client: Final = Filter(_passed)
passed_errors: Final = Filter(_passed_with_error).lines
"""What of an upstream's lines goes with an error of our own: not its body's type, nor when to retry."""
downloaded_headers: Final = Filter(_downloaded).lines
"""What passes of an answer that may be a file."""
_to_upstream: Final = Filter(_forwarded).lines
_to_upstream_traced: Final = Filter(_untraced(_forwarded)).lines
_to_simulated: Final = Filter(_forwarded_to_simulated).lines
_copy_to_upstream: Final = Filter(_copied).lines
_copy_to_simulated: Final = Filter(_copied_to_simulated).lines
_to_simulated_traced: Final = Filter(_untraced(_forwarded_to_simulated)).lines


def passed_headers(headers: dict[bytes, bytes]) -> bytes:
    """The upstream's lines that reach the client: content type, rate limits, its own request id renamed."""
    return _to_client.lines(headers)


def forwarded_headers(head: Head, *, simulated: bool, traced: bool = False) -> bytes:
    """The client's headers that go with an upstream call; `traced`: all but `traceparent`.

    Whether calls are traced is the same for all of a worker's.
    """
    if simulated:
        return _forwarded_lines(head.headers, _to_simulated_traced if traced else _to_simulated)
    if not head.forwarded:
        head.forwarded = _forwarded_lines(head.headers, _to_upstream_traced if traced else _to_upstream)
    return head.forwarded


def copied_headers(head: Head, *, simulated: bool) -> bytes:
    """The client's headers that go with a copy to a shadow."""
    return _forwarded_lines(head.headers, _copy_to_simulated if simulated else _copy_to_upstream)


def carried_headers(head: Head) -> bytes:
    """The client's headers that go with a request whose body is not looked into."""
    return _to_upstream(head.headers)


def _forwarded_lines(headers: dict[bytes, bytes], lines: Callable[[dict[bytes, bytes]], bytes]) -> bytes:
    typed = b"" if b"content-type" in headers else b"content-type: application/json\r\n"
    return typed + lines(headers)
