"""The dashboards and rules are whole: made by their program, of metrics that exist, and explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.channel import series
from helm.dashboards.__main__ import FOLDER, made
from helm.dashboards.variables import Variables

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "helm/headgate/rules/headgate.rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
PAGES: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in made().items()}
METRIC = re.compile(r"\b(?:headgate|process)_[a-z0-9_]+")
VARIABLE = re.compile(r"\$\{?([a-z]\w*)")


def emitted() -> set[str]:
    """Every name in the exposition."""
    counters = {f"{one.name}_total" for one in series.ALL_COUNTERS}
    parts = ("bucket", "count", "sum")
    histograms = {f"{one.name}_{part}" for one in series.ALL_HISTOGRAMS for part in parts}
    source = "".join(path.read_text() for path in (ROOT / "gateway/control").rglob("*.py"))
    gauges = set(re.findall(r'"(headgate_\w+)"', source)) | {
        series.INFLIGHT, series.RESIDENT, series.REVISION, series.BREAKER_OPEN,
    }  # fmt: skip
    process = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
    return counters | histograms | gauges | {f"{name}_total" for name in gauges} | process


def panels(page: str) -> list[dict[str, Any]]:
    """Those of a page that ask something."""
    return [panel for panel in PAGES[page]["panels"] if panel["type"] != "row"]


def expressions(page: str) -> list[str]:
    """Everything that a page asks."""
    variables = [one["query"] for one in PAGES[page]["templating"]["list"] if one["type"] == "query"]
    return variables + [target["expr"] for panel in panels(page) for target in panel["targets"]]


def test_the_files_are_what_the_program_makes() -> None:
    files = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert files == made(), "run `make dashboards`"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_for_what_is_emitted(page: str) -> None:
    asked = {name for expression in expressions(page) for name in METRIC.findall(expression)}
    assert asked - emitted() == set()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_declares_the_variables_that_it_uses(page: str) -> None:
    declared = {one["name"] for one in PAGES[page]["templating"]["list"]}
    used = {name for expression in expressions(page) for name in VARIABLE.findall(expression)}
    assert used <= declared | {"__range"} and declared - used == {"datasource"}


@pytest.mark.parametrize("page", PAGES)
def test_every_panel_explains_itself(page: str) -> None:
    titles = [panel["title"] for panel in panels(page)]
    assert len(set(titles)) == len(titles)
    numbers = [panel["id"] for panel in PAGES[page]["panels"]]
    assert numbers == list(range(1, len(numbers) + 1))
    for panel in panels(page):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_a_page_without_places_has_but_two_variables() -> None:
    assert len(Variables("5m").build()) == 2 and len(Variables("5m", of="m").build()) == 5


def test_rules_ask_for_what_is_emitted() -> None:
    rules = [rule for group in RULES["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        text = rule["expr"]
        for name in sorted(recorded, key=len, reverse=True):
            text = text.replace(name, "")
        assert set(METRIC.findall(text)) <= emitted(), rule


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_leads_to_its_line_in_the_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning", "info")
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"


def test_the_runbook_has_a_line_for_every_alert_and_no_other() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert headings == [alert["alert"] for alert in ALERTS]
