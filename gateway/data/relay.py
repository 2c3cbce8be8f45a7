"""From a committed answer to the client: byte for byte, with usage noted on the way.

A block of a stream is written as it came unless it holds something that matters: the usage chunk that the
client did not ask for, an error, or the end.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from gateway.clock import monotonic
from gateway.data.account import Account, Judged
from gateway.data.attempt import Attempt, Seen
from gateway.data.errors import UpstreamError
from gateway.data.request import Request
from gateway.providers.base import Answer, UpstreamFailure
from gateway.sse import EventTooLarge, data_of, events, json_of, start_of_event
from routing.cost import Usage, cost_usd, usage_of
from routing.fallback import Result
from routing.snapshot import Variant
from routing.text import estimated_tokens

DONE: Final = b"[DONE]"
BROKE_OFF: Final = "The model's upstream broke off in the middle of its answer."
_USAGE: Final = re.compile(rb'"usage"\s*:\s*(?!null)[^\s]')


class Interrupted(Exception):
    """A committed stream broke off."""


def note_usage(account: Account, variant: Variant, usage: Usage | None) -> None:
    """Takes an answer's usage into the account; without one the cost is known only where tokens are free."""
    price = variant.price
    account.usage = usage
    if price is not None and (usage is not None or not (price.input or price.output)):
        account.cost = cost_usd(usage or Usage(0), price)
    if account.cascade is not None and account.cascade.variant:
        _charge(account, account.cascade)


def _charge(account: Account, first: Judged) -> None:
    """Adds what a cascade's first step cost; the sum is unknown with either of them."""
    known = account.cost is not None and first.cost is not None
    account.cost = (account.cost or 0.0) + (first.cost or 0.0) if known else None


def estimate_usage(account: Account, attempt: Attempt, body: dict[str, Any]) -> None:
    """The same for a stream that broke off before it told: the upstream charges what it made all the same.

    The prompt by its length, the answer as a token an event, which is how servers send them.
    """
    account.estimated = True
    note_usage(account, attempt.variant, Usage(estimated_tokens(body), 0, attempt.events))


async def relay_stream(
    request: Request,
    account: Account,
    attempt: Attempt,
    head: bytes,
    kind: type[Relay],
    *,
    asked: bool,
    seen: Seen | None = None,
) -> None:
    """Writes a committed stream to its end.

    `head` is the response's header lines; `kind` knows the endpoint's events; `asked` tells whether the
    client wants the usage chunk; `seen` takes in what is written. Whatever goes wrong is told as one error
    event, without `[DONE]`; raises Interrupted then, CancelledError when the client has gone or the worker
    leaves.
    """
    answer = attempt.answer
    assert answer is not None
    relay = kind(request, account, attempt, asked, seen)
    try:
        await relay.run(answer, head)
    except (UpstreamFailure, EventTooLarge, Interrupted) as failure:
        attempt.result = failure.result if isinstance(failure, UpstreamFailure) else Result.BROKEN
        if attempt.result is Result.AMBIGUOUS:
            attempt.result = Result.BROKEN
        relay.tell(BROKE_OFF)
        raise Interrupted from None
    except asyncio.CancelledError:
        attempt.result = Result.CANCELLED
        if not request.gone:
            relay.tell("The gateway is restarting and had to break off this answer.")
        raise
    request.end()
    answer.leave()
    if attempt.result is Result.OK:
        account.status = "ok"


class Relay:
    """One stream of chat completions or completions, which ends with `[DONE]`."""

    def __init__(
        self, request: Request, account: Account, attempt: Attempt, asked: bool, captured: Seen | None
    ) -> None:
        assert attempt.splitter is not None, "not committed"
        self._captured = captured
        self._splitter = attempt.splitter
        self._request = request
        self._account = account
        self._attempt = attempt
        self._asked = asked
        self._done = False
        self._failed = False

    async def run(self, answer: Answer, head: bytes) -> None:
        """Writes the stream from its beginning. Raises Interrupted where it is broken off."""
        request = self._request
        block = self._sift(self._attempt.body)
        request.start(200, head, block)
        self._relayed(block)
        self._account.first_token = monotonic() - request.stamp
        while not self._done:
            if self._failed:
                raise Interrupted
            if request.congested:
                await request.writable()
            await answer.each(self._take)

    def _take(self, data: bytes) -> bool:
        """Writes what the client gets of the next bytes; false when it does not want more of them now."""
        request = self._request
        if data:
            block = self._splitter.feed(data)
        elif self._ends(rest := self._splitter.finish()):
            block = rest.rstrip(b"\r\n") + b"\n\n"  # only the blank line behind it is missing
        else:
            raise Interrupted  # a clean end without the last event is not an end
        block = self._sift(block)
        if block:
            request.write(block)
            self._relayed(block)
        return not (self._done or self._failed or request.congested)

    def tell(self, message: str) -> None:
        """Ends a stream that broke off: one error event, and no more."""
        error = UpstreamError(message)
        self._request.write(b"data: " + error.envelope() + b"\n\n")
        self._request.end()
        self._request.keep_alive = False

    def _ends(self, rest: bytes) -> bool:
        """Whether what is left of a stream is its last event."""
        return data_of(rest) == DONE

    def _relayed(self, block: bytes) -> None:
        self._attempt.events += block.count(b"data:")
        if self._captured is not None:
            self._captured.add(block)

    def _sift(self, block: bytes) -> bytes:
        """What the client gets of a block: nearly always all of it."""
        return self._look(block) if _matters(block) else block

    def _look(self, block: bytes) -> bytes:
        """Goes through a block's events from the first that matters; returns what the client gets of it."""
        start = start_of_event(block, _first(block))
        kept = [block[:start]]
        for event in events(block[start:]):
            data = data_of(event)
            if data == DONE:
                self._done = True
                kept.append(event)
                break
            if data is None or self._keep(data):
                kept.append(event)
            if self._failed:
                break
        return b"".join(kept)

    def _keep(self, data: bytes) -> bool:
        """Notes usage and failure; false for an error, and for the chunk that only we asked for."""
        if b'"usage"' not in data and b'"error"' not in data:
            return True
        parsed = json_of(data)
        if parsed is None:
            return True
        if parsed.get("error"):
            self._failed = True
            return False
        usage = parsed.get("usage")
        if usage is None:
            return True
        note_usage(self._account, self._attempt.variant, usage_of(usage))
        return self._asked or bool(parsed.get("choices"))


def _first(block: bytes) -> int:
    """Where the first thing that matters is, in a block that holds one."""
    usage = None
    if block.count(b'"usage"') != block.count(b'"usage":null'):
        usage = _USAGE.search(block)
    places = (block.find(DONE), block.find(b'"error"'), usage.start() if usage else -1)
    return min((place for place in places if place >= 0), default=0)


def _matters(block: bytes) -> bool:
    """Whether a block may hold usage, an error or the end; asked for usage, all have `"usage":null`."""
    if block.find(DONE) >= 0 or block.find(b'"error"') >= 0:  # quicker than `in`: see CR
        return True
    usages = block.count(b'"usage"')
    return usages > 0 and usages != block.count(b'"usage":null')
