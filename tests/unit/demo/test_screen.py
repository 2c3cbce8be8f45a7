"""What the demo shows of itself and its rollout."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console, ConsoleDimensions

from gateway.demo.board import Answered, Board
from gateway.demo.panel import conclusion, told
from gateway.demo.scenario import CANDIDATES, places, set_up
from gateway.demo.screen import Place, line, screen
from gateway.demo.summary import as_json, as_text
from gateway.demo.watch import Moved, Seen
from tests.support.rollouts import PLAN, opened
from tests.support.rollouts import told as read

COUNTS = {
    "validation_passed": ((700, 190), (95, 6)),
    "errors": ((880, 3), (100, 0)),
    "latency_p95": ((800, 45), (96, 2)),
}
BEGUN = Moved(0.2, "headgate", "started", "pending", "running", 10.0, ("it is new",))
UP = Moved(17.2, "headgate", "passed", "running", "running", 50.0, ("stage 1 has passed",))
BACK = Moved(31.0, "headgate", "harm", "running", "rolled_back", 0.0, ("validation_passed: worse",))


def seen(*moved: Moved, **more: Any) -> Seen:
    found = Seen(moved=list(moved))
    found.take(read(opened(), COUNTS))
    if more:
        found.take({**found.reading, **more})
    return found


def board(requests: int = 20_000) -> Board:
    counts = Board(places())
    for number in range(requests):
        variant = "tuned" if number % 10 == 0 else "base"
        counts.add(Answered("Crew Wishes", 3000.0, "hard", variant, variant, 12.5, cost=0.0123))
    return counts


def shown(place: Place, what: Seen, width: int, height: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(screen(place, board(), what, 3599.0, ConsoleDimensions(width, height)))
    assert isinstance(console.file, io.StringIO)
    return [each.rstrip() for each in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("scenario", list(CANDIDATES))
@pytest.mark.parametrize(("width", "height"), [(100, 30), (200, 60), (80, 24), (80, 40), (120, 24)])
@pytest.mark.parametrize(
    "what", [Seen(), seen(BEGUN), seen(BEGUN, *[UP] * 9), seen(BEGUN, BACK, phase="rolled_back")]
)
def test_it_fits(scenario: str, width: int, height: int, what: Seen) -> None:
    place = Place(scenario, 18080, 18081, set_up(scenario).key, note="8080/8081 taken: on 18080 and 18081")
    lines = shown(place, what, width, height)
    assert len(lines) <= height and max(map(len, lines)) <= width
    assert any("hard" in each and "tuned" in each and "12.300" in each for each in lines)
    assert "print(answer.choices[0].message.content)" in lines[-1]
    assert "curl http://127.0.0.1:18080/v1/chat/completions" in "\n".join(lines)


def test_the_rollout_with_its_evidence_and_what_has_happened() -> None:
    text = "\n".join(shown(Place("good", 8080, 8081, "hg_key"), seen(BEGUN, UP), 100, 34))
    for expected in (
        "solver/hard  ◌ running at 10 %   ● 10 % ── ○ 50 % ── ○ 98 % bake ── ○ 100 %",
        "hold: validation_passed: 101 of 300 samples",
        "errors: 100 of 300 samples; latency_p95: 98 of 300 samples",
        "… validation_passed  78.7 % of 890  94.1 % of 101  ──────── 0.128 of 50   ━━━━━━━━ 3,535 of 20",
        "cost_per_success",
        "00:00  ◌ running at 10 %  it is new",
        "00:17  ◌ running at 50 %  stage 1 has passed",
        "✓ Crew Wishes",
    ):
        assert expected in text, expected


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("promoted", "promoted after 00:31: tuned serves all of solver/hard now."),
        ("rolled_back", "rolled back after 00:31: base serves all of solver/hard again."),
        (
            "inconclusive",
            "inconclusive after 00:31: the evidence decides nothing in the time that was given.",
        ),
        ("paused", "paused after 00:31: waits for a person."),
    ],
)
def test_how_it_ends_is_said_and_the_evidence_stays(phase: str, said: str) -> None:
    what = seen(BEGUN, BACK, phase=phase, weight=0.0, guardrails=read(opened())["guardrails"])
    assert conclusion(what) == said
    text = "\n".join(shown(Place("bad", 8080, 8081, "hg_key"), what, 100, 30))
    assert said in text and "94.1 % of 101" in text and "validation_passed: worse" in text
    assert conclusion(Seen({**what.reading})).startswith(phase.replace("_", " ") + ": ")


def test_plain_lines() -> None:
    assert line(board(30), 61.0).startswith("01:01  30 requests, 0 errors  |  hard/tuned 3 requests, 100 %")
    assert told(UP) == "00:17  running at 50 % (passed): stage 1 has passed"
    assert told(BACK) == "00:31  running → rolled back at 0 % (harm): validation_passed: worse"


def test_the_summary_for_people() -> None:
    text = as_text(board(30), seen(BEGUN, BACK, phase="rolled_back", weight=0.0), 33.0)
    assert text.startswith("00:33  30 requests, 0 errors\n")
    assert "solver/hard: rolled back after 00:31" in text and told(BACK) in text
    assert "passed" in text and "12.300" in text
    assert "interrupted while running at 10 %" in as_text(board(1), seen(BEGUN), 3.0)


def test_the_summary_for_programs() -> None:
    place = Place("bad", 8080, 8081, "hg_key")
    summary = json.loads(as_json(place, board(30), seen(BEGUN, BACK, phase="rolled_back", weight=0.0), 33.0))
    rollout = summary["rollout"]
    assert (rollout["phase"], rollout["weight"], rollout["settled_seconds"]) == ("rolled_back", 0.0, 31.0)
    assert [one["to"] for one in rollout["transitions"]] == ["running", "rolled_back"]
    assert rollout["transitions"][1] == BACK.to_json()
    assert {one["metric"] for one in rollout["guardrails"]} >= set(PLAN.comparisons)
    assert json.loads(as_json(place, board(1), Seen(), 1.0))["rollout"]["phase"] == "pending"


def test_where_prometheus_is_stands_on_the_screen() -> None:
    place = Place("good", 8080, 8081, "hg_key", prometheus_port=9090)
    assert any("prometheus http://127.0.0.1:9090 " in each for each in shown(place, Seen(), 80, 30))
    assert Place("good", 8080, 8081, "hg_key").prometheus_url == ""
