"""One life of the validating child, seen from the process that asks."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Self

import msgspec

from gateway.validation.wire import CHECK, HEAD, START, Reply, Request, Rules, decode_reply, frame
from routing.validators.verdict import Reason

MODULE = "gateway.validation.child"
KEYS = 256
"""Routes whose validators a child holds at a time; more take each other's places."""
LAST_WORDS = 1.0
"""Seconds that an idle child has to leave by itself."""


class Died(Exception):
    """The child has ended without a reply: over time, or by a fault."""

    def __init__(self, reason: Reason, code: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Child:
    """A running child. It serves one request at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._keys: dict[Rules, int] = {}

    @classmethod
    async def start(cls) -> Self:
        """Spawns one; returns before it is ready. Raises OSError."""
        # -P: the directory that we were started in may hold a `config` of its own.
        return cls(
            await asyncio.create_subprocess_exec(sys.executable, "-P", "-m", MODULE, stdin=PIPE, stdout=PIPE)
        )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def judge(self, rules: Rules, content: bytes, *, whole: bool) -> Reply:
        """Asks for one verdict. Raises Died; then the child is no more.

        The child keeps time itself, so that a busy moment of this process is not taken for a slow check. The
        limit here is for one that cannot even do that.
        """
        request = self._request(rules, content, whole)
        limit = (START if request.rules else 0.0) + CHECK * (rules.count + 2)
        try:
            async with asyncio.timeout(limit):
                self._stdin.write(frame(request))
                await self._stdin.drain()
                head = await self._stdout.readexactly(HEAD)
                reply = decode_reply(await self._stdout.readexactly(int.from_bytes(head, "big")))
        except TimeoutError:
            raise Died(Reason.TIMEOUT, await self.end(kill=True)) from None
        except (OSError, asyncio.IncompleteReadError, msgspec.DecodeError):
            code = await self.end(kill=False)
            raise Died(Reason.TIMEOUT if code == -signal.SIGALRM else Reason.CRASHED, code) from None
        if reply.fault:
            self._keys.clear()  # whether it holds what it was told is not known
        return reply

    def _request(self, rules: Rules, content: bytes, whole: bool) -> Request:
        key = self._keys.get(rules)
        if key is not None:
            return Request(key, b"", content, whole)
        if len(self._keys) == KEYS:
            self._keys.clear()
        key = self._keys[rules] = len(self._keys)
        return Request(key, rules.encoded, content, whole)

    async def end(self, *, kill: bool) -> int:
        """Ends it, at once or when it has noticed; returns its exit status, negative for a signal."""
        if kill:
            self._kill()
        self._stdin.close()
        try:
            async with asyncio.timeout(LAST_WORDS):
                await self._process.wait()
        except TimeoutError:
            self._kill()
        code = await self._process.wait()
        with contextlib.suppress(OSError):
            await self._stdin.wait_closed()
        return code

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
