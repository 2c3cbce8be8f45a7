"""The load that the wheel is compiled by can be served: a build would only say that it cannot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOAD = Path(__file__).parents[2] / "hatch_load.py"


def test_the_load_is_served():
    done = subprocess.run([sys.executable, LOAD, "0.2"], text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")
