"""Judges answers by their routes' validators, and reports the verdicts as outcomes of the gateway's own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from time import time
from typing import Any
from uuid import uuid4

from config.schema import Config
from gateway.channel.answers import Answered, Copied
from gateway.channel.outcomes import Reported
from gateway.channel.series import Labels
from gateway.control.entry import Attributed, Entry, encode
from gateway.control.journal import Full, Journal
from gateway.control.terms import MILLISECONDS
from gateway.validation.rules import rules_of
from gateway.validation.validation import Validation
from gateway.validation.wire import Rules

log = logging.getLogger("headgate.control")
WAITING = 1_000
"""Answers being judged or written down at most; beyond it they are skipped."""
COPIES = 100
"""The same for shadows' answers, which must not take the place of others."""


class Judge:
    """`judged` is told of every verdict: route, variant, `passed`, `failed` or `skipped`.

    `copy_judged` is told the same of shadows' answers, with the segment behind the route.
    """

    def __init__(
        self,
        journal: Journal,
        judged: Callable[[str, str, str], None],
        copy_judged: Callable[[Labels], None],
    ) -> None:
        self._journal = journal
        self._judged = judged
        self._copy_judged = copy_judged
        self._validation = Validation()
        self._rules: dict[str, Rules] = {}
        self._counting: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()

    def learn(self, config: Config) -> None:
        """Validators as now configured, those included whose verdict is not the word that counts."""
        self._rules = {name: rules_of(route) for name, route in config.routes.items() if route.validators}
        self._counting = {name for name, route in config.routes.items() if route.validation == "gateway"}

    def answered(self, answer: Answered) -> None:
        """An answer has come; returns at once."""
        if answer.route not in self._rules:
            return  # it has been edited meanwhile
        if not answer.body or len(self._running) >= WAITING:
            self._judged(answer.route, answer.variant, "skipped")
            return
        self._start(self._judge(answer))

    def copied(self, answer: Copied) -> None:
        """A shadow has answered: it is judged and counted, and is evidence of nothing. Returns at once."""
        if answer.route not in self._rules:
            return
        if not answer.body or len(self._running) >= COPIES:
            self._copy_judged((answer.route, answer.segment, answer.variant, "skipped"))
            return
        self._start(self._judge_copy(answer))

    def _start(self, judging: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(judging)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _judge_copy(self, answer: Copied) -> None:
        verdict = await self._validation.validate_answer(self._rules[answer.route], answer.body)
        self._copy_judged((answer.route, answer.segment, answer.variant, verdict.result))

    async def _judge(self, answer: Answered) -> None:
        verdict = await self._validation.validate_answer(self._rules[answer.route], answer.body)
        self._judged(answer.route, answer.variant, verdict.result)
        if verdict.passed is None or answer.route not in self._counting:
            return
        report = Reported("", validation_passed=verdict.passed, reason=verdict.reason)
        outcome = Attributed(answer.identity, answer.nonce, report)
        entry = Entry(uuid4().hex[:16], int(time() * MILLISECONDS), "gateway", (outcome,))
        try:
            await self._journal.append(encode(entry))
        except (Full, OSError) as error:
            log.error("a verdict cannot be written down: %s", str(error) or "the journal is full")

    async def close(self) -> None:
        """Judges what is there, and lets the child go."""
        if self._running:
            await asyncio.wait(self._running, timeout=1.0)
        await self._validation.close()
