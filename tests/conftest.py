"""What holds for every test."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from hypothesis import settings

# A shared machine stalls now and then: a slow example is no failure. The CI draws the same examples each
# time, so that it judges a change and not luck; elsewhere they are always others.
settings.register_profile("headgate", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("headgate")

# Children import the source tree as well, and not the package that is installed, unless told otherwise.
os.environ.setdefault("PYTHONPATH", str(Path(__file__).parents[1]))

# What a shell runs in the background ignores Ctrl-C, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# `make test` measures what runs in the tests' own processes. To trace their children as well takes half as
# long again, and is `make coverage`.
if "PYTEST_XDIST_WORKER" in os.environ and os.environ.get("COVERED") == "tests":
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
