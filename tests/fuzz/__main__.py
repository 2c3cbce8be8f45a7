"""`make fuzz`: every target in turn under atheris, guided by coverage, from its seeds and earlier finds.

    python -m tests.fuzz [TARGET …] [--seconds N]

What is new is kept in .fuzz/ and taken up by the next run; a crash is written there and makes the run fail.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import CORPUS, TARGETS, seeds

ROOT = Path(__file__).parents[2]
FOUND = ROOT / ".fuzz"
LONGEST = 8192
"""Bytes of an input."""
HANG = 20
"""Seconds that one input may take."""
MEMORY = 1024
"""MiB that a target may use."""
_STATISTIC = re.compile(r"^stat::(\w+): +(\d+)$", re.MULTILINE)
_CRASH = re.compile(r"Test unit written to (\S+)")
_TRACE = re.compile(r"=== Uncaught Python exception: ===.*?(?=^==\d+==)", re.MULTILINE | re.DOTALL)


class Row(NamedTuple):
    """What came of one target."""

    target: str
    seeds: int
    runs: int
    speed: int
    new: int
    crash: str

    def __str__(self) -> str:
        return (
            f"{self.target:14}{self.seeds:6}{self.runs:11}{self.speed:8}{self.new:6}  {self.crash or 'none'}"
        )


HEADING = f"{'target':14}{'seeds':>6}{'runs':>11}{'a second':>9}{'new':>5}  crash"


def main() -> int:
    """The exit status: 1 after a crash."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="fuzzes with atheris")
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (default: all)"
    )
    parser.add_argument("--seconds", type=int, default=60, help="of every target (default: %(default)s)")
    asked = parser.parse_args()
    unknown = set(asked.targets) - set(TARGETS)
    if unknown or asked.seconds < 1:
        parser.error(f"no such target: {', '.join(sorted(unknown))}" if unknown else "--seconds starts at 1")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed here; `make fuzz` installs it into .tools/fuzz")
    rows = []
    for target in asked.targets or TARGETS:
        print(f"headgate: fuzzing {target} for {asked.seconds} s", flush=True)
        rows.append(fuzz(target, asked.seconds))
    print(HEADING, *rows, sep="\n")
    return 1 if any(row.crash for row in rows) else 0


def fuzz(target: str, seconds: int) -> Row:
    """Fuzzes one target; what libFuzzer says goes into a log."""
    found, log = FOUND / target, FOUND / f"{target}.log"
    found.mkdir(parents=True, exist_ok=True)
    words = CORPUS / f"{target}.dict"
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={HANG}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={FOUND}/{target}-",
        "-len_control=0",
        "-print_final_stats=1",
        *([f"-dict={words}"] if words.exists() else []),
    ]
    command = [sys.executable, "-m", "tests.fuzz.child", target, *options, str(found), str(CORPUS / target)]
    with log.open("wb") as output:
        ended = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
    said = log.read_text(errors="replace")
    numbers = {name: int(number) for name, number in _STATISTIC.findall(said)}
    crash = ""
    if ended.returncode:
        written = _CRASH.search(said)
        crash = str(Path(written[1]).relative_to(ROOT)) if written else f"see {log.relative_to(ROOT)}"
        trace = _TRACE.search(said)
        print(trace[0] if trace else said[-2000:], file=sys.stderr)
    return Row(
        target,
        len(seeds(target)),
        numbers.get("number_of_executed_units", 0),
        numbers.get("average_exec_per_sec", 0),
        numbers.get("new_units_added", 0),
        crash,
    )


if __name__ == "__main__":
    sys.exit(main())
