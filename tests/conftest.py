"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A shared machine stalls now and then: a slow example is no failure.
settings.register_profile("headgate", deadline=None)
settings.load_profile("headgate")
