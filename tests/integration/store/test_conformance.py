"""Every store of the registry does the same."""

from __future__ import annotations

from tests.support.stores import StoreConformance


class TestEveryStore(StoreConformance):
    """Run for each scheme by the `place` fixture."""
