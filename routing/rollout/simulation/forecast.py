"""Forecasts: what many trials of one configuration come to, for `headgate simulate`."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from routing.rollout.simulation.rivals import Rival
from routing.rollout.simulation.scenario import Scenario
from routing.rollout.simulation.summary import Estimate, mean, median, share
from routing.rollout.simulation.trial import Trial

SECONDS_A_DAY = 86_400.0


def forecast(trials: Sequence[Trial], scenario: Scenario) -> dict[str, Any]:
    """Shares of runs, medians and means, each with its 95 % interval; null: in the median run never.

    `rolled_back` and `promoted`: whichever a run came to first, or recommended first; `undecided`: neither
    within the scenario's requests. `bad_answers`: those that the candidate added, up to its rollback.
    """
    ends = [_end(one.result.rolled_back, one.result.promoted) for one in trials]
    decided = [None if at is None else float(at) for _, at in ends]
    return {
        "runs": len(trials),
        **_shares([what for what, _ in ends]),
        "requests_to_decide": _plain(median(decided)),
        "days_to_decide": _plain(median(decided), 1 / scenario.rate / SECONDS_A_DAY),
        "bad_answers": _plain(mean([one.result.served for one in trials])),
        "peeked_z_test": _rival([one.z_test for one in trials]),
        "fixed_threshold": _rival([one.threshold for one in trials]),
    }


def _end(rolled_back: int | None, promoted: int | None) -> tuple[str, int | None]:
    """What came first, and after how many requests."""
    if rolled_back is not None and (promoted is None or rolled_back <= promoted):
        return "rolled_back", rolled_back
    return ("undecided", None) if promoted is None else ("promoted", promoted)


def _shares(ends: list[str]) -> dict[str, Any]:
    return {
        what: _plain(share(ends.count(what), len(ends))) for what in ("rolled_back", "promoted", "undecided")
    }


def _rival(rivals: Sequence[Rival]) -> dict[str, Any]:
    return _shares([_end(one.rolled_back, one.promoted)[0] for one in rivals])


def _plain(found: Estimate, scale: float = 1.0) -> dict[str, float | None]:
    """As JSON can hold it."""
    return {
        name: value * scale if isfinite(value) else None
        for name, value in zip(Estimate._fields, found, strict=True)
    }
