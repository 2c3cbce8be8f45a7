"""Header names in lower case, remembered: upstreams spell the same few again and again.

What is remembered is also the same object each time, and whoever looks a name up finds it the sooner.
"""

from __future__ import annotations

from typing import Final

REMEMBERED: Final = 500
"""Names whose lower case is remembered …"""
LONGEST: Final = 64
"""… unless they have more bytes than this."""
KNOWN: Final[dict[bytes, bytes]] = {}
"""Lower case by spelling, of those that have been asked for."""


def lower(name: bytes) -> bytes:
    """The name in lower case; `KNOWN` has it from then on."""
    lowered = name.lower()
    if len(KNOWN) < REMEMBERED and len(name) <= LONGEST:
        KNOWN[name] = KNOWN[lowered] = lowered
    return lowered
