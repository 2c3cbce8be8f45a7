"""What was counted, printed behind the tests: what ran, what passed, what was left out and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """One line a kind of check, in the order in which they came."""

    passed: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)

    def count(
        self, what: str, *, passed: int = 0, failed: int = 0, skipped: Counter[str] | None = None
    ) -> None:
        """Adds to the line of `what`; `skipped` is by reason."""
        self.passed[what] += passed
        self.failed[what] += failed
        self.skipped.setdefault(what, Counter()).update(skipped or {})

    def lines(self) -> list[str]:
        """The table, as text."""
        width = max(map(len, self.passed), default=0)
        lines = []
        for what, passed in self.passed.items():
            reasons = self.skipped[what]
            ran = passed + self.failed[what]
            lines.append(f"{what:<{width}}  ran {ran:>5}  passed {passed:>5}  left out {reasons.total():>4}")
            lines += [f"{'':<{width}}    {number:>4} {reason}" for reason, number in reasons.most_common()]
        return lines
