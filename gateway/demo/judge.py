"""Runs the program that a model returned on its task's samples: the validation a real application does."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from tempfile import gettempdir

from gateway.providers.simulation_book import Task

SECONDS = 2.0
"""How long a program may take on one sample."""
_OUTPUT = 65_536
_PROGRAM = re.compile(r"^```(?:python|py)?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)

# The limits are set by the child itself: a function run between fork and exec may deadlock.
_START = """
import resource, sys
for name, most in (("CPU", 2), ("AS", 512 << 20), ("FSIZE", 0), ("NOFILE", 16), ("CORE", 0)):
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (most, most))
    except (ValueError, OSError):
        pass
exec(compile(sys.argv[1], "program", "exec"), {"__name__": "__main__"})
"""


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether a program passed, and why not: `no_program wrong_answer runtime_error time_limit`."""

    passed: bool
    reason: str = ""


def program_of(answer: str) -> str | None:
    """The program in an answer's first fenced block."""
    match = _PROGRAM.search(answer)
    return match[1] if match is not None else None


async def validate(task: Task, answer: str) -> Validation:
    """Runs the answer's program on the samples, up to the first that it fails."""
    program = program_of(answer)
    if program is None:
        return Validation(False, "no_program")
    for sample in task.samples:
        reason, output = await _run(program, sample.input)
        if not reason and output.split() != sample.output.split():
            reason = "wrong_answer"
        if reason:
            return Validation(False, reason)
    return Validation(True)


async def _run(program: str, given: str) -> tuple[str, str]:
    """The reason it failed (empty: none) and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", _START, program,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={}, cwd=gettempdir(), start_new_session=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            process.stdin.write(given.encode() + b"\n")
            process.stdin.close()
            output = b""
            while (block := await process.stdout.read(_OUTPUT)) and len(output) <= _OUTPUT:
                output += block
            if block:
                return "wrong_answer", ""
            status = await process.wait()
    except TimeoutError:
        return "time_limit", ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return ("runtime_error" if status else ""), output.decode("utf-8", "replace")
