"""Rollouts: where each one is, whether its candidate is better, and whether that can be judged at all."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from helm.dashboards.page import page_of
from helm.dashboards.panels import (
    AMBER,
    COUNT,
    GREEN,
    PER_SECOND,
    PERCENT,
    SHARE,
    THIRD,
    TWO_THIRDS,
    USD,
    WHOLE,
    Panel,
    Query,
    chart,
    number,
    table_of,
    timeline,
)
from helm.dashboards.promql import (
    INTERVAL,
    PLACE,
    RANGE,
    ROUTE,
    SEGMENT,
    VARIANT,
    errors,
    increase,
    judged,
    pass_rate,
    passed,
    rate,
    shared,
    wilson,
    zero,
)
from helm.dashboards.variables import Variables

_WHERE = "{{route}} / {{segment}}"
_WHO = "{{segment}} / {{variant}}"
_OUTCOMES = "headgate_outcomes_total"


def page() -> Dashboard:
    """The dashboard."""
    return page_of(
        "rollouts",
        "Rollouts",
        "Routes with a rollout: how far it is, and the candidate beside its baseline.",
        Variables("1h", of="headgate_rollout_weight"),
        {
            "Where it is": _position(),
            "Evidence": [_evidence("harm"), _evidence("safe")],
            "Is the candidate better?": _better(),
            "Can it be judged?": _judgeable(),
        },
    )


def _position() -> list[Panel]:
    weight = shared("headgate_rollout_weight", SEGMENT)
    mine = rate("headgate_requests_total")
    every = rate("headgate_requests_total", "route, segment", SEGMENT)
    return [
        number(
            "Weight now",
            "The share of the segment's traffic that the candidate is meant to get.",
            PERCENT,
            Query(weight, _WHERE),
            width=THIRD,
        ),
        number(
            "Stage now",
            "Which planned stage the rollout is at, counted from 1.",
            COUNT,
            Query(shared("headgate_rollout_stage", SEGMENT), _WHERE),
            width=THIRD,
        ),
        number(
            "Unsettled",
            "1 after a promotion until the configuration file says the same.",
            COUNT,
            Query(shared("headgate_rollout_unsettled", SEGMENT), _WHERE),
            width=THIRD,
            limits=[(1, AMBER)],
        ),
        chart(
            "Weight",
            "The candidate's planned share of its segment over time.",
            PERCENT,
            Query(weight, _WHERE),
            width=TWO_THIRDS,
            top=100,
            steps=True,
        ),
        chart(
            "Traffic by variant",
            "The share of the segment's requests that each variant really was assigned.",
            SHARE,
            Query(f"{mine} / ignoring (variant) group_left {every}", _WHO),
            top=1,
        ),
        chart(
            "Requests by stratum",
            "Requests a second in each band of difficulty, within which variants are compared.",
            PER_SECOND,
            Query(rate("headgate_requests_total", f"{PLACE}, stratum"), f"{_WHO} / {{{{stratum}}}}"),
        ),
        timeline(
            "Phase",
            "Which phase each rollout was in.",
            Query(f"{shared('headgate_rollout_phase', SEGMENT)} == 1", f"{_WHERE}: {{{{phase}}}}"),
        ),
        table_of(
            "Transitions",
            "What moved the rollout in the time shown, and why.",
            (
                Query(_moved(), "times"),
                COUNT,
            ),
        ),
    ]


def _moved() -> str:
    """A series that was not there when the time shown began counts whole: `increase` misses its first one."""
    series = f"headgate_rollout_transitions_total{{{SEGMENT}}}"
    new = f"{series} unless {series} offset {RANGE}"
    return f"max by (route, segment, from, to, cause) (({new}) or increase({series}[{RANGE}])) > 0"


def _evidence(test: str) -> Panel:
    meaning = {
        "harm": "that the candidate is worse by more than is tolerable; above its line it is rolled back",
        "safe": "that the candidate is not worse than the margin; above its line the rollout may go on",
    }[test]
    where = f'{SEGMENT}, test="{test}"'
    return chart(
        f"Evidence: {test}",
        f"How strongly the data say {meaning}. The dashed line is the evidence needed.",
        COUNT,
        Query(shared("headgate_rollout_evidence", where), f"{_WHERE}: {{{{metric}}}}"),
        Query(shared("headgate_rollout_evidence_threshold", where), f"{_WHERE}: {{{{metric}}}} needed"),
        logarithmic=True,
        dashed="/ needed$/",
    )


def _better() -> list[Panel]:
    return [
        table_of(
            "Pass rate in the time shown",
            "How many judged requests passed validation, and between which bounds the true rate lies (95 %,"
            " Wilson). Bounds that overlap prove nothing yet, and looking until they part misleads: a"
            " rollout decides by evidence that allows for looking.",
            (Query(judged(RANGE), "judged"), COUNT),
            (Query(passed(RANGE), "passed"), COUNT),
            (Query(wilson("-", RANGE), "at least"), SHARE),
            (Query(pass_rate(RANGE), "pass rate"), SHARE),
            (Query(wilson("+", RANGE), "at most"), SHARE),
        ),
        chart(
            "Pass rate",
            "The share of judged requests that passed, over the interval chosen; dashed: its 95 % interval.",
            SHARE,
            Query(pass_rate(INTERVAL), _WHO),
            Query(wilson("-", INTERVAL), f"{_WHO} at least"),
            Query(wilson("+", INTERVAL), f"{_WHO} at most"),
            width=WHOLE,
            top=1,
            dashed="/ at (least|most)$/",
        ),
        chart(
            "Cost per validated success",
            "USD spent by one known success in the rollout's present period; missing outcomes make it too"
            " high.",
            USD,
            Query(shared("headgate_cost_per_success_usd"), _WHO),
        ),
        chart(
            "Failed requests by stratum",
            "The share of requests that ended in an upstream's error, a time-out or overload, in each band of"
            " difficulty.",
            SHARE,
            Query(errors(f"{PLACE}, stratum"), f"{_WHO} / {{{{stratum}}}}"),
        ),
    ]


def _judgeable() -> list[Panel]:
    coverage = "headgate_outcome_coverage_ratio"
    validation, others = shared(coverage, f'{VARIANT}, metric="validation_passed"'), shared(coverage)
    judging = rate("headgate_validations_total", "route, variant, result", f'{ROUTE}, variant=~"$variant"')
    idle = rate("headgate_requests_total", "route, variant")
    return [
        chart(
            "Coverage",
            "Of how many users in this period the outcome is known. Below the line (80 % unless configured)"
            " a rollout does not decide. Of metrics that nobody reports only validation_passed is shown.",
            SHARE,
            Query(f"{validation} or {others} > 0", f"{_WHO}: {{{{metric}}}}"),
            top=1,
            limits=[(0.8, GREEN)],
        ),
        chart(
            "Outcomes",
            "Outcomes a second, by metric and value.",
            PER_SECOND,
            Query(rate(_OUTCOMES, f"{PLACE}, metric, value"), f"{_WHO}: {{{{metric}}}} {{{{value}}}}"),
        ),
        chart(
            "Contradictions",
            "Requests of which two different outcomes were reported. Evidence counts them as failed; the pass"
            " rates on this page keep what was said first.",
            COUNT,
            Query(zero(increase(_OUTCOMES, where=f'{VARIANT}, value="conflict"')), _WHO),
        ),
        chart(
            "Validators",
            "Answers a second that the route's own validators judged, by result. A line at 0 without a result"
            " is a variant that none has judged.",
            PER_SECOND,
            Query(f"{judging} or on (route, variant) 0 * {idle}", "{{route}} / {{variant}} {{result}}"),
        ),
    ]
