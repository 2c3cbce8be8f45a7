"""What people see of a rollout: made by the engine from made-up counts, rendered without a gateway."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from gateway.cli.rollout import words
from gateway.cli.rollout.evidence import Guardrails, bar
from gateway.cli.rollout.history import explained, history, line, transitions
from gateway.cli.rollout.listing import listing
from gateway.cli.rollout.pace import Pace
from gateway.cli.rollout.page import Page
from gateway.cli.rollout.stages import steps
from gateway.cli.rollout.watch import standing
from tests.support.rollouts import HISTORY, LEAST, PLAN, START, acted, opened, told

NOW = datetime.fromtimestamp(START / 1000, UTC) + timedelta(days=2)
FEW = {"validation_passed": ((1_700, 190), (195, 17)), "errors": ((1_880, 10), (212, 0))}
MANY = {"validation_passed": ((17_000, 1_900), (1_050, 117)), "errors": ((18_890, 10), (2_117, 0))}
WORSE = {"validation_passed": ((1_700, 190), (100, 117)), "errors": ((1_880, 10), (217, 0))}


def text(renderable: RenderableType, width: int = 80, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, **options)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def page(reading: Mapping[str, Any], width: int = 80, **options: Any) -> str:
    return text(Page(reading, NOW, Pace().look(reading, NOW), **options), width)


EVERY_KIND = [
    LEAST,
    told(opened(), FEW, largest=0.3),
    told(opened(), MANY),
    told(opened(), WORSE, queue=None),
    told(opened(), {}, queue=0.9),
    told(acted(opened(), [("set_weight", 3_000)])),
    told(acted(opened(), [("set_weight", 0)])),
    told(acted(opened(), [("set_weight", 5_000), ("set_weight", 1_000)]), FEW),
    told(acted(opened(), [("promote", None), ("promote", None)]), FEW, hours=4),
    told(acted(opened(), [("promote", None)] * 3)),
    told(acted(opened(), [("promote", None)] * 3 + [("undo", None)])),
]


@pytest.mark.parametrize("reading", EVERY_KIND)
@settings(max_examples=10)
@given(width=st.integers(60, 160))
def test_everything_fits_from_60_columns_on(reading: dict[str, Any], width: int) -> None:
    for shown in (
        page(reading, width, latest=HISTORY, suffix=" --url http://127.0.0.1:18081"),
        text(listing([reading], NOW, width), width),
        text(history(HISTORY, width), width),
    ):
        assert all(len(shown_line) <= width for shown_line in shown.splitlines())


def test_the_page() -> None:
    shown = page(LEAST)
    for part in (
        "Name:     solver/hard   tuned against base",
        "◌ running for 3 h 6 min, mode auto, epoch 3, revision 17",
        " 10 %",
        "● 10 % ── ○ 50 % ── ○ 100 %",
        "… inconclusive: hold",
        "validation_passed: 212 of 300 samples",
        "base 91.0 % of 1,890   tuned 92.0 % of 212   +1.0 points (-4.0 to +6.0)",
        "0.3 of 50",
        "4.1 of 20",
        "5,400 units to go",
        "coverage 97.0 % and 96.0 %",
        "You can:  promote, pause, abort, set-weight",
    ):
        assert part in shown, part
    assert "about" not in shown
    assert shown.count("212 of 300 samples") == 1


def test_days_to_go_are_known_from_two_looks() -> None:
    pace = Pace()
    assert pace.look(LEAST, NOW) == {}
    more = LEAST | {"guardrails": [LEAST["guardrails"][0] | {"candidate": {"n": 312, "rate": 0.9}}]}
    assert pace.look(more, NOW + timedelta(seconds=1)) == {}
    seen = pace.look(more, NOW + timedelta(seconds=100))
    assert seen == {"validation_passed": 1.0}
    assert "5,400 units to go, about 1 h 30 min" in text(Page(more, NOW, seen))
    assert pace.look(more | {"period": 2}, NOW + timedelta(seconds=101)) == {}


def test_days_to_go_are_known_at_once_where_the_period_s_beginning_is() -> None:
    reading = told(opened(), FEW)
    assert Pace().look(reading, NOW)["errors"] == pytest.approx(2_102 / (2 * 86_400))
    assert "units to go, about 2 d" in page(reading)


def test_what_speaks_against_a_promotion_is_said() -> None:
    crowded = page(told(opened(), FEW, largest=0.33))
    assert "Warning:  one sticky key has 33 % of the traffic" in crowded
    silent = page(told(opened(), MANY), 120)
    assert "coverage 100 % and 55.1 %" in silent
    assert "the candidate's failures are reported" in silent and "less often" in silent
    skewed = told(opened(), {"errors": ((2_000, 0), (2_000, 0))})
    assert page(skewed).count("the variants do not have the shares") == 1
    paused = skewed | {"verdict": LEAST["verdict"]}
    assert page(paused).count("the variants do not have the shares") == 1


def test_a_rollback_and_why() -> None:
    reading = told(opened(), WORSE)
    shown = page(reading, latest=HISTORY[-1:])
    for part in (
        "✖ rolled back (harm)",
        "the candidate was shown to do harm",
        "the cool-down ends at 2026-11-20",
        "✖ fail: rollback",
        "46.1 % of 217 passed",
        "✖ 10 % ── ○ 50 %",
        "You can:  retry",
        "Latest",
    ):
        assert part in shown, part


def test_money_and_queries() -> None:
    reading = told(opened(), {}, queue=0.9)
    shown = page(reading)
    assert "limit 1.1 times" in shown and "needs 100 priced successes of each variant" in shown
    assert "value 0.9   wanted: at most 0.5" in shown
    assert "no data" in page(told(opened(), {}, queue=None))
    cost = {
        "metric": "cost_per_success", "verdict": "fail", "baseline": {"n": 180, "rate": 0.00123},
        "candidate": {"n": 90, "rate": 12.5}, "accepted": True, "reasons": [],
        "ratio": {"estimate": 2.537, "lower": 2.31, "max": 2.2},
    }  # fmt: skip
    spent = page(LEAST | {"guardrails": [cost]})
    assert "✖ cost_per_success fail, accepted by hand" in spent
    assert "base $0.00123 of 180   tuned $12.50 of 90" in spent
    assert "candidate costs 2.54 times as much, at least 2.31   limit 2.2 times" in spent
    soft = [LEAST["guardrails"][0] | {"acts": False}]
    assert "inconclusive, rolls nothing back" in page(LEAST | {"guardrails": soft})


def test_what_has_passed_stays_passed() -> None:
    guardrail = LEAST["guardrails"][0] | {"verdict": "pass", "units_to_go": 0}
    shown = page(LEAST | {"guardrails": [guardrail]}, 120)
    assert "4.1 of 20   passed before" in shown and "to go" not in shown


def test_scores_are_numbers() -> None:
    guardrail = LEAST["guardrails"][0] | {
        "metric": "score", "difference": {"estimate": -0.012, "lower": None, "upper": None},
        "baseline": {"n": 5, "rate": 0.8}, "candidate": {"n": 0, "rate": None},
    }  # fmt: skip
    shown = page(LEAST | {"guardrails": [guardrail]})
    assert "base 0.800 of 5   tuned – of 0   -0.012" in shown


def test_nothing_yet() -> None:
    assert "no guardrail has been looked at yet" in text(Guardrails(LEAST | {"guardrails": []}, {}))
    few = page(told(opened(), {"errors": ((77, 0), (9, 0))}))
    assert "no unit yet   7,681 units to go" in few and "no unit yet   3,137 units to go" in few
    assert "latency_p95: the baseline's p95 is not frozen yet: 77 of 200 units" in few


@pytest.mark.parametrize(
    ("recommendation", "command"), [("promote", "promote solver/hard"), ("rollback", "abort solver/hard")]
)
def test_a_recommendation_comes_with_its_command(recommendation: str, command: str) -> None:
    shown = page(LEAST | {"recommendation": recommendation}, suffix=" --url http://h:1")
    assert f"{recommendation} is recommended and waits for you" in shown
    assert f"headgate rollout {command} --url http://h:1" in shown


def test_a_promotion_is_to_be_settled() -> None:
    promoted = told(acted(opened(), [("promote", None)] * 3))
    shown = page(promoted)
    assert "in the segment `hard` of the route `solver`, put `variant: tuned`" in shown
    assert "You can:  undo" in shown and "validation_passed" not in shown
    assert "You can" not in page(promoted | {"settle": None})


def labels(reading: Mapping[str, Any]) -> list[str]:
    return [f"{step.sign} {step.label}" for step in steps(reading)]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([], ["● 10 %", "○ 50 %", "○ 98 % bake", "○ 100 %"]),
        ([("set_weight", 500)], ["● 5 % by hand", "○ 10 %", "○ 50 %", "○ 98 % bake", "○ 100 %"]),
        ([("set_weight", 1_250)], ["✔ 10 %", "● 12.5 % by hand", "○ 50 %", "○ 98 % bake", "○ 100 %"]),
        ([("promote", None)], ["✔ 10 %", "● 50 %", "○ 98 % bake", "○ 100 %"]),
        ([("promote", None)] * 2, ["✔ 10 %", "✔ 50 %", "● 98 % bake", "○ 100 %"]),
        ([("promote", None)] * 3, ["✔ 10 %", "✔ 50 %", "✔ 98 % bake", "✔ 100 %"]),
        ([("promote", None), ("abort", None)], ["○ 10 %", "✖ 50 %", "○ 98 % bake", "○ 100 %"]),
    ],
)
def test_the_stage_bar(actions: list[Any], expected: list[str]) -> None:
    assert labels(told(acted(opened(), actions), hours=8)) == expected


def test_the_stage_bar_beyond_the_plan() -> None:
    assert labels(LEAST | {"phase": "pending", "weight": 0.0}) == ["○ 10 %", "○ 50 %", "○ 100 %"]
    assert labels(LEAST | {"stages": [10, 50], "weight": 80.0})[-1] == "● 80 % by hand"
    assert labels(LEAST | {"stages": [10], "weight": 98.0, "phase": "baking"}) == ["✔ 10 %", "● 98 % bake"]


def test_a_bar_is_on_a_log_scale() -> None:
    def filled(value: float, length: int = 20) -> int:
        return bar("harm", value, 50, length).plain.count("━")

    assert [filled(value) for value in (0, 1e-9, 1, 50, 1e12)] == [0, 0, 0, 20, 20]
    assert filled(sqrt(50)) == 10
    assert filled(49.99) == 19  # full is what decides


def test_a_bake_looks_for_harm_only() -> None:
    baking = told(acted(opened(), [("promote", None)] * 2), hours=4)
    assert "bakes for another" in page(baking)
    shown = page(baking | {"guardrails": LEAST["guardrails"]})
    assert "harm" in shown and "safe" not in shown and "to go" not in shown and "of 300 samples" not in shown


def test_colour_only_helps() -> None:
    reading = told(opened(), WORSE)
    view = Page(reading, NOW, {})
    plain = text(view)
    coloured = text(view, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in coloured
    no_colour = text(view, force_terminal=True, color_system="truecolor", no_color=True)
    assert not any(code in no_colour for code in ("\x1b[3", "\x1b[1;3", "\x1b[9"))
    assert plain == re.sub(r"\x1b\[[0-9;]*m", "", no_colour)


def test_the_list() -> None:
    readings = [
        LEAST,
        LEAST | {"segment": "all", "phase": "paused", "phase_reason": "no_outcomes", "since": "?"},
        LEAST | {"route": "reviews", "recommendation": "promote"},
        told(acted(opened(route="voice-order"), [("promote", None)] * 3)),
    ]
    wide = text(listing(readings, NOW, 120), 120)
    for part in (
        "solver/hard", "… inconclusive, hold", "3 h 6 min", "auto", "‖ paused (no outcomes)", "1/3",
        "promote recommended", "to be settled", "100 %",
    ):  # fmt: skip
        assert part in wide, part
    assert len(wide.splitlines()) == 5
    narrow = text(listing(readings, NOW, 60), 60)
    assert "voice-order/hard" in narrow and "‖ paused  " in narrow and "1/3" not in narrow


def test_the_history() -> None:
    wide = text(history(HISTORY, 120), 120)
    assert "2026-11-18 11:06:40  pending → running" in wide
    assert "running: inconclusive" in wide
    assert "running → rolled back" in wide and "not authentic" in wide
    narrow = text(history(HISTORY, 60), 60)
    assert "    harm, by headgate" in narrow
    assert [entry["cause"] for entry in transitions(HISTORY)] == ["started", "harm"]
    assert line(HISTORY[0]) == (
        "2026-11-18T11:06:40Z  pending → running at 10 % (started, by headgate):"
        " the configuration has a rollout that is not known yet"
    )
    stage = HISTORY[0] | {"from": "running", "cause": "passed", "stage": 2}
    assert "running, stage 2 at 10 % (passed, by headgate)" in line(stage)
    assert line(HISTORY[0] | {"reasons": [], "time": "?"}).startswith("?Z  pending → running at 10 % (st")


def test_reasons_command_no_terminal() -> None:
    entry = HISTORY[0] | {"reasons": ["look\x1b]0;here\x07\nand\x9b31m there"]}
    for shown in (line(entry), text(history([entry], 120), 120), text(history([entry], 60), 60)):
        assert not {"\x1b", "\x07", "\x9b"} & set(shown) and "look ]0;here  and 31m there" in shown


def test_whose_verdict_has_changed() -> None:
    entries = [
        HISTORY[1] | {"guardrails": {"errors": "inconclusive", "validation_passed": "inconclusive"}},
        HISTORY[1] | {"guardrails": {"errors": "pass", "validation_passed": "inconclusive", "cost": "pass"}},
        HISTORY[1] | {"guardrails": {"errors": "inconclusive"}, "period": 2},
        HISTORY[2] | {"guardrails": {"errors": "fail"}, "period": 2},
    ]
    because = [entry["reasons"] for entry in explained(entries)]
    same = HISTORY[1]["reasons"]
    assert because == [same, ["errors: inconclusive → pass", *same], same, HISTORY[2]["reasons"]]
    assert explained(HISTORY) == HISTORY


def test_one_line() -> None:
    assert standing(LEAST) == (
        "solver/hard running at 10 %, stage 1 of 3; inconclusive, hold: validation_passed: 212 of 300 samples"
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.duration(0), "0 s"),
        (words.duration(-5), "0 s"),
        (words.duration(59.7), "1 min"),
        (words.duration(3_599), "59 min"),
        (words.duration(7_980), "2 h 13 min"),
        (words.duration(86_400), "1 d"),
        (words.duration(187_200), "2 d 4 h"),
        (words.percent(None), "–"),
        (words.percent(0.0012), "0.12 %"),
        (words.percent(0.914), "91.4 %"),
        (words.percent(1.0), "100 %"),
        (words.points(-0.0), "+0.0"),
        (words.points(-0.00001), "+0.0"),
        (words.points(0.0025), "+0.25"),
        (words.points(-0.04), "-4.0"),
        (words.evidence(3e-9), "< 0.001"),
        (words.evidence(0.3), "0.3"),
        (words.evidence(99.96), "100"),
        (words.evidence(41_370), "41,370"),
        (words.evidence(1e12), "1e12"),
        (words.usd(None), "–"),
        (words.usd(0), "$0"),
        (words.usd(0.00123), "$0.00123"),
        (words.usd(0.5), "$0.500"),
        (words.usd(12.5), "$12.50"),
        (words.clock("2026-11-20T10:00:00+02:00"), "2026-11-20 08:00:00"),
        (words.clock("2026-11-20T10:00:00"), "2026-11-20 10:00:00"),
    ],
)
def test_words(written: str, expected: str) -> None:
    assert written == expected


def test_every_metric_and_reason_has_words() -> None:
    assert set(PLAN.comparisons) | set(PLAN.ratios) <= set(words.METRICS)
