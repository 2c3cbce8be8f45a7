"""The judge really runs what a model returns."""

from __future__ import annotations

import asyncio

from gateway.demo import runner
from gateway.demo.judge import Judge, Validation, program_of
from gateway.providers.simulation_book import Sample, Task

TASK = Task("Sum", 800, "", (Sample("1 2", "3"), Sample("4 5", "9")), "", ())


def answered(program: str) -> str:
    return f"Read the input.\n\n```python\n{program}\n```\n"


def judged(*answers: str, task: Task = TASK) -> list[Validation]:
    async def run() -> list[Validation]:
        judge = Judge()
        try:
            return await asyncio.gather(*(judge.validate(task, answer) for answer in answers))
        finally:
            await judge.close()

    return asyncio.run(run())


PROGRAMS = {
    "print(sum(map(int, input().split())))": "",
    "import sys\nprint(sum(map(int, sys.stdin.read().split())))\nsys.exit()": "",
    "print(3)": "wrong_answer",
    "raise SystemExit": "wrong_answer",
    "raise SystemExit(1)": "runtime_error",
    "1/0": "runtime_error",
    "def f(:": "runtime_error",
    "input()\ninput()": "runtime_error",
    "import tempfile\nwith tempfile.TemporaryFile('w') as f: f.write('x')\nprint(3)": "runtime_error",
    "import os\nos.abort()": "runtime_error",
    "while True: print('x' * 1000)": "wrong_answer",
    "x = bytearray(1 << 30)\nprint(3)": "runtime_error",
    "import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)": "time_limit",
    "import os, signal\nos.kill(os.getpid(), signal.SIGALRM)": "time_limit",
}


def test_why_programs_fail() -> None:
    found = judged(*map(answered, PROGRAMS), "There is no program.", "```\nx\n```\nand more\n```cpp\n```")
    assert [one.reason for one in found] == [*PROGRAMS.values(), "no_program", "runtime_error"]
    assert all(one.passed is not bool(one.reason) for one in found)


def test_a_program_does_not_see_the_one_before() -> None:
    program = "import math\nprint(getattr(math, 'seen', sum(map(int, input().split()))))\nmath.seen = 'yes'"
    (found,) = judged(answered(program), task=Task("Sum", 800, "", TASK.samples[:1], "", ()))
    assert found.passed
    assert all(one.passed for one in judged(*[answered(program.replace("\nmath.seen = 'yes'", ""))] * 3))


def test_a_judge_that_dies_is_replaced() -> None:
    kill = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    good = answered("print(sum(map(int, input().split())))")

    async def run() -> list[Validation]:
        judge = Judge()
        try:
            return [await judge.validate(TASK, answer) for answer in (answered(kill), good)]
        finally:
            await judge.close()

    assert [one.reason for one in asyncio.run(run())] == ["runtime_error", ""]


def test_the_first_fenced_block_is_the_program() -> None:
    assert program_of("```py\na = 1\n```\n```python\nb = 2\n```") == "a = 1\n"
    assert program_of("no program here") is None


def test_a_program_has_seconds_only() -> None:
    assert runner.SECONDS <= 5 and runner.LASTS <= 10
