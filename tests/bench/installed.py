"""The Headgate that is measured: the package installed beside this Python, and not the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """This process's, without what would bring the source tree back."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def how() -> str:
    """The line below a table: whether Headgate ran compiled."""
    program = "from gateway.compiled import manner; print(manner())"
    command = [sys.executable, "-P", "-c", program]
    ran = subprocess.run(command, check=True, env=environment(), stdout=subprocess.PIPE, text=True).stdout
    return f"Headgate ran {ran.strip()}."
