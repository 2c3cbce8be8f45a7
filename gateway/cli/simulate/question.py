"""The question: what is simulated, as an operator asks it of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from config.rollout import Rollout
from config.routes import Route, Segment
from config.schema import Config
from config.units import write_points
from routing.compile_plan import compile_plan
from routing.rollout.plan import Limits, Plan
from routing.rollout.simulation.scenario import USUAL_BAD, Reporting, Scenario, Users
from routing.snapshot import BASIS_POINTS

USUAL_REQUESTS = 50_000
"""Requests of a run, where neither they nor a rate are given …"""
MOST_REQUESTS = 500_000
"""… and the most that a rate leads to by itself."""
LOOK = 100
"""Requests between two looks; fewer in short runs, so that there are …"""
LOOKS = 200
TURNS = ("validation_passed", "score", "needs_review", "errors")
"""What an effect may be on: the first of these that the rollout compares."""


class Unanswerable(Exception):
    """The configuration has not what was asked about; the message is one line for people."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator says of the traffic; None: not said. Shares and effects are fractions.

    An `effect` below 0 is of a worse candidate; `drift` below 0 of both variants becoming worse. `rate` is in
    requests a second of the rollout's segment, `delay` in seconds.
    """

    effect: float = -0.05
    requests: int | None = None
    pass_rate: float | None = None
    rate: float | None = None
    delay: float = 0.0
    coverage: float | None = None
    users: int | None = None
    requests_per_user: float | None = None
    drift: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of candidate: `effect` on `metric`, below 0: worse."""

    name: str
    effect: float
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Question:
    """One rollout and the candidates that it is simulated with. `seconds` is how long a run may last."""

    route: str
    segment: str
    wish: Rollout
    plan: Plan
    metric: str
    limits: Limits
    cases: tuple[Case, ...]
    left_out: tuple[str, ...]
    """Guardrails that simulated traffic knows nothing of."""

    @property
    def traffic(self) -> Scenario:
        """What all cases have in common, as the first has it."""
        return self.cases[0].scenario

    @property
    def seconds(self) -> float:
        """How long the traffic lasts."""
        return self.traffic.requests / self.traffic.rate

    @property
    def shortest(self) -> float:
        """Seconds that the plan takes at least."""
        return _seconds(self.wish, longest=False)


def question(config: Config, name: str | None, asked: Asked) -> Question:
    """Of the rollout `name` (ROUTE or ROUTE/SEGMENT; None: the only one). Raises Unanswerable."""
    route_name, route, segment, wish = _chosen(config, name)
    compiled = compile_plan(route, wish)
    # What waits for a person is followed at once; nobody answers PromQL here.
    plan = replace(compiled, mode="auto", start="auto", queries=())
    metric = next((one for one in TURNS if one in plan.comparisons), "errors")
    limits = plan.comparisons[metric]
    effects = {"as good": 0.0, "worse by the margin": -limits.margin, "as asked": asked.effect}
    known = list(effects.values())
    cases = tuple(
        Case(kind, effect, _scenario(wish, route, plan, metric, effect, asked))
        for at, (kind, effect) in enumerate(effects.items())
        if all(abs(effect - other) > 1e-9 for other in known[:at])
    )
    left_out = tuple(f"prometheus.{one.name}" for one in compiled.queries)
    return Question(route_name, segment.name, wish, plan, metric, limits, cases, left_out)


def _chosen(config: Config, name: str | None) -> tuple[str, Route, Segment, Rollout]:
    known = {
        f"{place}/{segment.name}": (place, route, segment, wish)
        for place, route, segment, wish in _rollouts(config)
    }
    if not known:
        raise Unanswerable("the configuration has no rollout")
    names = [one for one in known if name in (None, one, one.partition("/")[0])]
    if len(names) != 1:
        why = "there is no such rollout" if not names else "several rollouts"
        raise Unanswerable(f"--route: {why}; name one of {', '.join(names or known)}")
    return known[names[0]]


def _rollouts(config: Config) -> Iterator[tuple[str, Route, Segment, Rollout]]:
    for name, route in config.routes.items():
        for segment in route.parts:
            if segment.rollout is not None:
                yield name, route, segment, segment.rollout


def _scenario(wish: Rollout, route: Route, plan: Plan, metric: str, effect: float, asked: Asked) -> Scenario:
    longest = _seconds(wish, longest=True)
    requests = asked.requests
    if requests is None:
        whole = USUAL_REQUESTS if asked.rate is None else round(asked.rate * longest)
        requests = max(LOOK, min(whole, MOST_REQUESTS))
    bad: Mapping[str, float] = USUAL_BAD
    if asked.pass_rate is not None:
        bad = {**bad, "validation_passed": 1 - asked.pass_rate}
    _check(bad[metric], effect, asked.drift if metric == "validation_passed" else 0.0)
    coverage = asked.coverage
    if coverage is None:
        coverage = 1.0 if plan.validated else route.outcomes.sample / BASIS_POINTS
    after = asked.delay * 1_000
    return Scenario(
        requests=requests,
        rate=requests / longest if asked.rate is None else asked.rate,
        per_look=max(1, min(LOOK, requests // LOOKS)),
        bad=bad,
        effect={metric: -effect},
        drift=-asked.drift,
        users=_users(asked, requests),
        reporting=Reporting(coverage, coverage, passed_after=after, failed_after=after),
    )


def _check(bad: float, effect: float, drift: float) -> None:
    """A share of bad answers must stay one, for both variants, from the first request to the last."""
    for extra in (0.0, -effect):
        for drifted in (0.0, -drift):
            if not 0 <= bad + extra + drifted <= 1:
                who = "candidate" if extra else "baseline"
                raise Unanswerable(
                    f"the {who}'s share of bad answers would be {(bad + extra + drifted) * 100:.4g} %;"
                    " choose another --effect, --drift or --pass-rate"
                )


def _users(asked: Asked, requests: int) -> Users | None:
    if asked.users is not None:
        return Users(asked.users)
    if asked.requests_per_user is not None:
        return Users(max(1, round(requests / asked.requests_per_user)))
    return None


def _seconds(wish: Rollout, *, longest: bool) -> float:
    """How long the plan takes, if each stage takes as long as it may, or as short."""
    total = 0.0
    for stage in wish.stages:
        if stage.weight == BASIS_POINTS:
            total += wish.bake if wish.holdout else 0.0
        else:
            total += stage.max_duration if longest else stage.min_duration
    return max(total, 1.0) if longest else total


def told(asked: Question, seed: int, runs: int) -> dict[str, Any]:
    """What was asked, as plain data."""
    traffic = asked.traffic
    return {
        "route": asked.route,
        "segment": asked.segment,
        "baseline": asked.wish.baseline,
        "candidate": asked.wish.candidate,
        "metric": asked.metric,
        "harm": asked.limits.harm,
        "margin": asked.limits.margin,
        "seed": seed,
        "runs": runs,
        "requests": traffic.requests,
        "rate": traffic.rate,
        "seconds": asked.seconds,
        "shortest_seconds": asked.shortest,
        "bad": traffic.bad[asked.metric],
        "coverage": traffic.reporting.baseline,
        "delay_seconds": traffic.reporting.passed_after / 1_000,
        "users": None if traffic.users is None else traffic.users.number,
        "drift": -traffic.drift,
        "left_out": list(asked.left_out),
    }


def written(effect: float) -> str:
    """`5 points worse`."""
    if not effect:
        return "just as good"
    size = write_points(abs(effect)).removesuffix("pt")
    return f"{size} point{'' if size == '1' else 's'} {'worse' if effect < 0 else 'better'}"
