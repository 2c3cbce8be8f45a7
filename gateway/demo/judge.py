"""Runs the program that a model returned on its task's samples: the validation a real application does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from gateway.providers.simulation_book import Task

_PROGRAM = re.compile(r"^```(?:python|py)?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
# By its path: `-I` would look for the module in the environment alone, and this may be a source tree.
_COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("runner.py")))


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether a program passed, and why not: `no_program wrong_answer runtime_error time_limit`."""

    passed: bool
    reason: str = ""


def program_of(answer: str) -> str | None:
    """The program in an answer's first fenced block."""
    match = _PROGRAM.search(answer)
    return match[1] if match is not None else None


class Judge:
    """Runs as many programs at a time as there are processors, each in a fork of a warm child."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(os.cpu_count() or 1)
        self._idle: list[asyncio.subprocess.Process] = []

    async def validate(self, task: Task, answer: str) -> Validation:
        """Runs the answer's program on the samples, up to the first that it fails."""
        program = program_of(answer)
        if program is None:
            return Validation(False, "no_program")
        async with self._room:
            reason = await self._ask(program, task)
        return Validation(not reason, reason)

    async def _ask(self, program: str, task: Task) -> str:
        """Why it fails; a child that goes away over it has met an error as well."""
        runner = self._idle.pop() if self._idle else await _runner()
        assert runner.stdin is not None and runner.stdout is not None
        samples = [(sample.input, sample.output) for sample in task.samples]
        try:
            runner.stdin.write(json.dumps({"program": program, "samples": samples}).encode() + b"\n")
            line = await runner.stdout.readline()
        except (OSError, asyncio.CancelledError):
            await _end(runner)
            raise
        if not line:
            await _end(runner)
            return "runtime_error"
        self._idle.append(runner)
        return line.decode().strip()

    async def close(self) -> None:
        """Ends the children that are idle; the others end with what was asked of them."""
        for runner in self._idle:
            await _end(runner)
        self._idle.clear()


async def _runner() -> asyncio.subprocess.Process:
    # A session of its own: Ctrl-C in the terminal reaches the demo alone.
    return await asyncio.create_subprocess_exec(
        *_COMMAND,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd=gettempdir(), start_new_session=True,
    )  # fmt: skip


async def _end(runner: asyncio.subprocess.Process) -> None:
    if runner.returncode is None:
        runner.kill()
    await runner.wait()
