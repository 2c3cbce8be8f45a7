"""Every query of every dashboard and every rule gives something, on a real Prometheus after demo traffic."""

from __future__ import annotations

import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.promql import Prometheus, demo, failures, substituted

CHART = Path(__file__).parents[2] / "helm" / "headgate"
PAGES = sorted((CHART / "dashboards").glob("*.json"))
RULES = yaml.safe_load((CHART / "rules" / "headgate.rules.yaml").read_text())
TINY = 1e-9
ENOUGH = (
    'count(headgate_outcome_coverage_ratio{metric="validation_passed"} > 0) == 2',
    "headgate_rollout_transitions_total",  # first: a new period has to find out some things anew
    "count(headgate_rollout_evidence) == 6",
    "count(headgate_cost_per_success_usd) == 2",
    'count(sum by (variant) (increase(headgate_outcomes_total{metric="validation_passed"}[5m])) > 5) == 3',
    "count(headgate_time_to_first_token_seconds_count > 0) == 3",
    "min(count_over_time(headgate_request_duration_seconds_count[1m])) > 10",
    "variant:headgate_cost_per_success_usd:increase1h",
)
"""What must have come of the traffic first: all variants, streamed and judged, and a stage that passed."""


@pytest.fixture(scope="module")
def prometheus_of_a_demo(prometheus: str) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a gateway under the demo's traffic every second."""
    with demo(prometheus, "--speed", "0.5") as running:  # both variants of the rollout have traffic for long
        for expression in ENOUGH:
            running.wait_for(expression)
        yield running


def queries(panels: list[dict[str, Any]], chosen: dict[str, str], *, instant: bool) -> dict[str, str]:
    """Title and letter of each query → its expression, of those that ask for an instant or for a range."""
    return {
        f"{panel['title']} {target['refId']}": substituted(target["expr"], chosen)
        for panel in panels
        for target in panel.get("targets", [])
        if target.get("instant", False) is instant
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_panel_shows_something(page: Path, prometheus_of_a_demo: Prometheus) -> None:
    running, dashboard = prometheus_of_a_demo, json.loads(page.read_text())
    chosen = running.choices(dashboard["templating"]["list"])
    now = queries(dashboard["panels"], chosen, instant=True)
    over_time = queries(dashboard["panels"], chosen, instant=False)
    assert len(now) + len(over_time) >= 10
    wrong = failures(running.query, now | over_time) + failures(running.series, over_time)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_panel_is_all_not_a_number(page: Path, prometheus_of_a_demo: Prometheus) -> None:
    running, dashboard = prometheus_of_a_demo, json.loads(page.read_text())
    chosen = running.choices(dashboard["templating"]["list"])
    empty = [
        name
        for instant in (True, False)
        for name, expression in queries(dashboard["panels"], chosen, instant=instant).items()
        if all(math.isnan(float(one["value"][1])) for one in running.query(expression))
    ]
    assert empty == []


def test_every_rule_can_be_evaluated(prometheus_of_a_demo: Prometheus) -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    recorded = {rule["record"]: rule["expr"] for rule in rules if "record" in rule}
    wrong = failures(prometheus_of_a_demo.query, recorded | {name: name for name in recorded})
    for rule in rules:
        if "alert" in rule:
            prometheus_of_a_demo.query(rule["expr"])  # may give nothing, must not be refused
    assert not wrong, "\n".join(wrong)
    loaded = [rule for group in prometheus_of_a_demo.ask("rules")["groups"] for rule in group["rules"]]
    assert len(loaded) == len(rules)
    assert [rule for rule in loaded if rule["health"] != "ok"] == []


def test_the_pass_rate_lies_within_its_interval(prometheus_of_a_demo: Prometheus) -> None:
    dashboard = json.loads((CHART / "dashboards" / "rollouts.json").read_text())
    chosen = prometheus_of_a_demo.choices(dashboard["templating"]["list"])
    (panel,) = (panel for panel in dashboard["panels"] if panel["title"] == "Pass rate")
    now = time.time()
    rate, low, high = (
        {
            one["metric"]["variant"]: float(one["value"][1])
            for one in prometheus_of_a_demo.query(substituted(target["expr"], chosen), now)
        }
        for target in panel["targets"]
    )
    assert set(rate) == set(low) == set(high) == {"tuned", "base"}
    for name in rate:  # a rate of 0 or 1 is a bound itself
        assert -TINY < low[name] < rate[name] + TINY and rate[name] - TINY < high[name] < 1 + TINY
        assert low[name] < high[name]


def test_it_ends_with_the_demo(prometheus: str) -> None:
    with demo(prometheus, "--duration", "600") as running:
        assert running.query("vector(1)")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(running.url, timeout=5)
