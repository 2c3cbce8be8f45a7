"""Cascades: the first variant's answer is judged before it is served; if it fails, the second is asked.

The judging child is the worker's own, so that a cascade works while the control plane does not. What cannot
be judged (no time, no room, no child) is served as it is: a fault of ours must not send everything to the
variant that costs more. A refusal has nothing to judge either, but it is what a cascade is there for.
"""

from __future__ import annotations

import asyncio
from time import monotonic

from gateway.data.account import Account, Judged
from gateway.data.attempt import Attempt
from gateway.data.attempts import Attempts
from gateway.data.relay import note_usage
from gateway.validation.validation import Validation
from gateway.validation.wire import Rules
from routing.decision import Decision
from routing.fallback import Result
from routing.snapshot import Cascade
from routing.validators.verdict import Reason, Skipped, Verdict

INCOMPLETE = frozenset((Result.AMBIGUOUS, Result.BROKEN))
"""Results that no fallback follows, because the model may have been at work: here the next step does."""


class Cascades:
    """Those of one worker. The child is started with the first answer that is to be judged."""

    def __init__(self) -> None:
        self._validation = Validation()

    async def answer(
        self, decision: Decision, attempts: Attempts, account: Account, deadline: float
    ) -> Attempt:
        """Asks the first variant and, if need be, the second; returns the attempt whose answer counts.

        Both end by `deadline`, on the monotonic clock. When the second gives no answer, the first's is still
        one. Streams are relayed as they come.
        """
        first, cascade = await attempts.first_answer(), decision.segment.assignment
        assert type(cascade) is Cascade
        if first.variant is not cascade.first or not attempts.judgeable:
            return first
        if first.result in INCOMPLETE:
            return await attempts.another(cascade.then) or first
        if first.result is not Result.OK:
            return first
        note_usage(account, first.variant, first.usage)  # it is paid for, whatever happens now
        judging = asyncio.create_task(self._judge(cascade, first.body, deadline))
        judged = Judged(_result(await judging))
        second = None
        if judged.verdict == "failed":
            try:
                second = await attempts.another(cascade.then)
            except BaseException:
                account.served = first.variant.name
                raise
        if second is None or second.result is not Result.OK:
            account.served = first.variant.name
            account.cascade = judged
            return first
        account.cascade = judged._replace(variant=first.variant.name, usage=account.usage, cost=account.cost)
        account.usage = account.cost = None
        return second

    async def _judge(self, cascade: Cascade, answer: bytes, deadline: float) -> Verdict:
        rules = Rules(cascade.rules, cascade.count)
        try:
            async with asyncio.timeout(deadline - monotonic()):
                return await self._validation.validate_answer(rules, answer)
        except TimeoutError:
            return Skipped(Reason.TIMEOUT)

    async def close(self) -> None:
        """Lets the child go."""
        await self._validation.close()


def _result(verdict: Verdict) -> str:
    return "failed" if verdict.reason is Reason.NO_TEXT else verdict.result
