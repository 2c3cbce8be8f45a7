"""Whether the hot modules are native extensions, as a wheel has them that was made beside a C compiler."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

PROBE = "gateway.sse"
"""One of those that are compiled: either all are, or none."""


def manner() -> str:
    """How they run: `compiled` or `interpreted`."""
    spec = find_spec(PROBE)
    assert spec is not None and spec.origin is not None
    return "compiled" if spec.origin.endswith(tuple(EXTENSION_SUFFIXES)) else "interpreted"
