"""Response headers: what the gateway says of a request, and what it lets through of an upstream's."""

from __future__ import annotations

from gateway.data.account import Account
from gateway.data.table import Table
from gateway.providers.base import Headers

FORWARDED = frozenset(
    (b"content-type", b"accept", b"user-agent", b"openai-beta", b"idempotency-key", b"x-client-request-id",
     b"traceparent")
)  # fmt: skip
"""Request headers that an upstream may see; `x-simulated-*` too, when it is a simulated one."""
_PASSED = (b"openai-", b"x-ratelimit-", b"retry-after")
_known: dict[bytes, bytes] = {}


def response_headers(table: Table, account: Account, date: bytes, *, priced: bool = False) -> bytes:
    """The gateway's own lines, on answers and errors alike; `priced`: the cost is known by now, if ever."""
    decision = account.decision
    if decision is None or not table.full:
        return b"date: %b\r\nx-request-id: %b\r\n" % (date, account.request_id.encode())
    lines = b"date: %b\r\nx-request-id: %b\r\n%bx-headgate-attempts: %d\r\n" % (
        date, account.request_id.encode(), table.lines(decision, account.served), account.attempts,
    )  # fmt: skip
    if decision.difficulty.value is not None:
        lines += b"x-headgate-difficulty: %b\r\n" % f"{decision.difficulty.value:g}".encode()
    if priced and account.cost is not None:
        lines += b"x-headgate-cost-usd: %.9f\r\n" % account.cost
    if decision.wants_outcome:
        lines += b"x-headgate-validate: 1\r\n"
    return lines


def passed_headers(headers: dict[bytes, bytes]) -> bytes:
    """The upstream's lines that reach the client: content type, rate limits, its own request id renamed."""
    lines = b""
    for name, value in headers.items():
        passed = _known.get(name)
        if passed is None:
            passed = _learn(name)
        if passed:
            lines += b"%b: %b\r\n" % (passed, value)
    return lines


def passed_errors(headers: dict[bytes, bytes]) -> bytes:
    """What of an upstream's lines goes with an error of our own: not its body's type, nor when to retry."""
    return passed_headers(
        {name: value for name, value in headers.items() if name not in (b"content-type", b"retry-after")}
    )


def _learn(name: bytes) -> bytes:
    """Under which name a header passes; empty: it does not. Remembered for a bounded number of names."""
    if name == b"x-request-id":
        passed = b"x-upstream-request-id"
    elif name == b"content-type" or name.startswith(_PASSED):
        passed = name
    else:
        passed = b""
    if len(_known) < 1000:
        _known[name] = passed
    return passed


def forwarded_headers(headers: dict[bytes, bytes], *, simulated: bool) -> Headers:
    """The client's headers that go with an upstream call."""
    forwarded = [(name, headers[name]) for name in FORWARDED if name in headers]
    if b"content-type" not in headers:
        forwarded.append((b"content-type", b"application/json"))
    if simulated:
        forwarded += [item for item in headers.items() if item[0].startswith(b"x-simulated-")]
    return forwarded
