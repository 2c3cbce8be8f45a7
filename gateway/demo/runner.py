"""Runs programs on samples for the judge: a small warm process that forks once a program.

Starting an interpreter costs ten times as much, and the demo has dozens of programs a second to run. It
reads a JSON object a line, `{"program", "samples": [[input, output], …]}`, and writes a line with why the
program failed (empty: it passed): `wrong_answer runtime_error time_limit`.
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import signal
import sys
from collections.abc import Iterable
from types import CodeType
from typing import NoReturn

# What programs usually import: here once, and not in every fork.
import bisect  # noqa: F401 isort:skip
import collections  # noqa: F401 isort:skip
import heapq  # noqa: F401 isort:skip
import itertools  # noqa: F401 isort:skip
import math  # noqa: F401 isort:skip

SECONDS = 2
"""Of CPU that a program may take for all samples; it may last some times as long on a busy machine."""
LASTS = 4 * SECONDS
_LIMITS = (
    (resource.RLIMIT_CPU, SECONDS, SECONDS + 1),  # a soft limit is told from other ways to be killed
    (resource.RLIMIT_AS, 512 << 20, 512 << 20),
    (resource.RLIMIT_FSIZE, 0, 0),
    (resource.RLIMIT_NOFILE, 16, 16),
    (resource.RLIMIT_CORE, 0, 0),
)
_OUTPUT = 65_536
_TOO_LONG = (-signal.SIGALRM, -signal.SIGXCPU)
_PASSED, _WRONG, _CRASHED = 0, 1, 2
_REASONS = {_PASSED: "", _WRONG: "wrong_answer"}

Samples = Iterable[tuple[str, str]]
"""Input and output of each."""


def main() -> None:
    """Serves until the end of its input."""
    asked, told = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    gc.freeze()
    for line in asked:
        question = json.loads(line)
        os.write(told, b"%s\n" % judge(question["program"], question["samples"]).encode())


def judge(program: str, samples: Samples) -> str:
    """Why the program fails; empty when it passes."""
    child = os.fork()
    if not child:
        _become(program, samples)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "time_limit" if status in _TOO_LONG else _REASONS.get(status, "runtime_error")


def _become(program: str, samples: Samples) -> NoReturn:
    """In the fork, within limits: leaves with a status that says how it went."""
    status = _CRASHED
    try:
        os.closerange(3, 16)
        os.setsid()
        signal.alarm(LASTS)
        for limit, soft, hard in _LIMITS:
            _limit(limit, soft, hard)
        compiled = compile(program, "program", "exec")
        passed = all(_run(compiled, given).split() == wanted.split() for given, wanted in samples)
        status = _PASSED if passed else _WRONG
    finally:
        os._exit(status)


def _run(compiled: CodeType, given: str) -> str:
    """What the program prints."""
    sys.stdin, sys.stdout = io.StringIO(given + "\n"), (output := _Output())
    try:
        exec(compiled, {"__name__": "__main__"})
    except SystemExit as left:
        if left.code:
            raise
    return output.getvalue()


class _Output(io.StringIO):
    def write(self, text: str) -> int:
        if self.tell() > _OUTPUT:
            os._exit(_WRONG)  # no sample asks for that much
        return super().write(text)


def _limit(limit: int, soft: int, hard: int) -> None:
    try:
        resource.setrlimit(limit, (soft, hard))
    except (ValueError, OSError):
        pass  # not on every system


if __name__ == "__main__":
    main()
