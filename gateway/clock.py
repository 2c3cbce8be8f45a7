"""The monotonic clock, for compiled modules: a constant is at hand, an imported name is looked up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

monotonic: Final[Callable[[], float]] = time.monotonic
