from __future__ import annotations

import pytest

from routing.evidence.cells import Cell, Cost, Evidence, Side
from routing.evidence.standing import standings


def cell(metric: str, *, bad: int = 0, n: int = 1, candidate: bool = False, period: int = 2) -> Cell:
    return Cell(period, "compared", 0, 0, metric, candidate, 20 * bad, n)


def test_coverage_and_cost_of_a_success() -> None:
    cells = {
        cell("errors"): 8,
        cell("errors", bad=1): 2,
        cell("validation_passed"): 3,
        cell("validation_passed", bad=1, n=2): 2,
        cell("errors", candidate=True): 4,
        cell("errors", period=1): 1000,
        cell("validation_passed", period=1): 1000,
    }
    costs = {
        Side(2, "compared", False): Cost(10, 6_000_000),
        Side(2, "carried", False): Cost(1, 2_000_000),
        Side(1, "compared", False): Cost(1, 9_000_000),
    }
    found = standings(Evidence(cells, costs, {}, {}), 2)
    assert found[False].coverage == {"validation_passed": 0.5, "needs_review": 0.0, "score": 0.0}
    assert found[False].cost_per_success == pytest.approx(8 / 4)
    assert found[True].cost_per_success is None


def test_the_cost_of_a_success_is_not_known_without_a_price_and_0_where_that_is_the_price() -> None:
    cells = {
        cell(metric, candidate=side): 4
        for metric in ("errors", "validation_passed")
        for side in (False, True)
    }
    costs = {Side(2, "compared", True): Cost(4, 0), Side(1, "compared", False): Cost(9, 9)}
    found = standings(Evidence(cells, costs, {}, {}), 2)
    assert found[False].cost_per_success is None
    assert found[True].cost_per_success == 0.0


def test_nothing_is_known_of_a_period_without_units() -> None:
    assert standings(Evidence({}, {}, {}, {}), 1) == {}
