"""The validating child: judges one answer after another, and may be killed at any time.

An expression can take for ever in a single step that nothing in its process interrupts. So before each
check the child sets an alarm whose signal ends it, wherever it is. That holds without its parent too: a child
whose parent has died ends with its standard input, and at the latest with the alarm.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from gateway.validation.registry import make
from gateway.validation.wire import (
    CHECK,
    HEAD,
    START,
    Reply,
    Request,
    Rules,
    decode_request,
    frame,
)
from routing.validators.answer import answer_text
from routing.validators.verdict import Passed, Reason, Skipped, Validator, Verdict

MEMORY = 512 * 1024 * 1024
"""Bytes of address space; a child that needs more for an answer fails, not the machine."""
OUT_OF_MEMORY = 70
"""Exit status; whatever is left after a MemoryError is not to be trusted."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Ends the process unless the block is left in time."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class Judge:
    """Holds the validators it was told of, by the key that its parent gave them."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Validator, ...]] = {}

    def reply(self, request: Request) -> Reply:
        """Judges one answer."""
        try:
            return Reply.of(self._judge(request))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except Exception as error:
            # A fault of ours or of a library. Its message may quote the answer: only its type is told.
            return Reply(Skipped.result, Reason.CRASHED, type(error).__name__)

    def _judge(self, request: Request) -> Verdict:
        if request.rules:
            with within(START):
                rules = Rules(request.rules, 0).items()
                self._known[request.key] = tuple(make(rule) for rule in rules)
        with within(CHECK):
            text = answer_text(request.content) if request.whole else request.content.decode()
        if isinstance(text, Skipped):
            return text
        for validator in self._known[request.key]:
            with within(CHECK):
                verdict = validator.check(text)
            if verdict.passed is not True:
                return verdict
        return Passed()


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until there are no more."""
    judge = Judge()
    while len(head := requests.read(HEAD)) == HEAD:
        message = requests.read(int.from_bytes(head, "big"))
        replies.write(frame(judge.reply(decode_request(message))))
        replies.flush()


def confine() -> None:
    """Signals of terminals and service managers are the supervisor's; memory is bounded; no core dumps."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """`python -P -m gateway.validation.child`, with pipes for standard input and output."""
    confine()
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
