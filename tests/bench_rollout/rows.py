"""The rows: scenarios, and the figures that each of them has to reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from config.guardrails import COMPARED, Guardrails
from routing.rollout.plan import Limits, Plan, Stage
from routing.rollout.simulation.scenario import Mix, Scenario, Users
from routing.rollout.simulation.summary import Estimate, median, share
from routing.rollout.simulation.trial import Trial

FAILS = "validation_passed"
LONG = 10**12
STAGES = (Stage(1_000, min_duration=0, max_duration=LONG), Stage(5_000, min_duration=0, max_duration=LONG))
ALL_ON = Guardrails.model_validate(dict.fromkeys(COMPARED, "on"))
LIMITS = {
    metric: Limits(one.harm, one.alpha, one.margin, one.promote_alpha)
    for metric, one in ALL_ON.comparisons.items()
}

Measure = Callable[[Sequence[Trial]], Estimate]


@dataclass(frozen=True)
class Figure:
    """What is counted, as which kind of figure, and what it has to reach; None: shown only."""

    name: str
    measure: Measure
    at_most: float | None = None
    at_least: float | None = None
    percent: bool = True

    def reached(self, found: Estimate) -> bool:
        """Whether the figure is good enough."""
        return (self.at_most is None or found.value <= self.at_most) and (
            self.at_least is None or found.value >= self.at_least
        )


@dataclass(frozen=True)
class Row:
    """One scenario through one plan; `seed` is that of its first run."""

    name: str
    scenario: Scenario
    figures: Sequence[Figure]
    plan: Plan
    seed: int = 0
    watch_interval: bool = False


def plan(metrics: Sequence[str] = (FAILS,), **keys: object) -> Plan:
    """A plan that stays at 10 % until told otherwise."""
    settings: Mapping[str, object] = {
        "stages": STAGES, "mode": "recommend", "validated": True,
        "comparisons": {metric: LIMITS[metric] for metric in metrics},
    }  # fmt: skip
    return Plan(**{**settings, **keys})  # type: ignore[arg-type]


def happened(what: Callable[[Trial], bool]) -> Measure:
    """The share of runs in which it did."""
    return lambda trials: share(sum(map(what, trials)), len(trials))


rolled_back = happened(lambda one: one.result.rolled_back is not None)
promoted = happened(lambda one: one.result.promoted is not None)
arrived = happened(lambda one: one.result.phase == "promoted")
z_rolled_back = happened(lambda one: one.z_test.rolled_back is not None)
z_promoted = happened(lambda one: one.z_test.promoted is not None)
fixed_rolled_back = happened(lambda one: one.threshold.rolled_back is not None)
fixed_promoted = happened(lambda one: _before(one.threshold.promoted, one.threshold.rolled_back))
missed = happened(lambda one: one.missed)


def _before(one: int | None, other: int | None) -> bool:
    return one is not None and (other is None or one < other)


def requests(trials: Sequence[Trial]) -> Estimate:
    """The median number of requests until the rollback."""
    return median([one.result.rolled_back for one in trials])


def excess(trials: Sequence[Trial]) -> Estimate:
    """The median number of bad answers that the candidate added until then."""
    return median([one.result.served for one in trials])


FALSE = Figure("false rollbacks", rolled_back, at_most=0.02)
POWER = Figure("rolled back", rolled_back, at_least=0.99)
RIVALS = (
    Figure("peeked z-test: false rollbacks", z_rolled_back),
    Figure("fixed threshold: false rollbacks", fixed_rolled_back),
)

BASE = Scenario(20_000)
WORSE = {FAILS: 0.05}
DRIFT = replace(BASE, drift=0.10, bad={FAILS: 0.08, "errors": 0.01}, by_hand=((10_000, 5_000),))
HARD_THEN_EASY = replace(
    BASE, by_hand=((10_000, 5_000),),
    mixes=(Mix(0, (0.1, 0.9), (-0.05, 0.15)), Mix(10_000, (0.9, 0.1), (-0.05, 0.15))),
)  # fmt: skip
HANDS = ((5_000, 5_000), (10_000, 3_000), (15_000, 9_800))
PATTERNS = ("even", "heavy", "bursts", "mixed")
FIVE = (FAILS, "needs_review", "errors", "latency_p95", "time_to_first_token_p95")
THREE = (FAILS, "errors", "latency_p95")
STAGE = 40_000


def sticky(pattern: str, effect: Mapping[str, float]) -> Scenario:
    """Users who come back, while a person sets 10, 50, 30 and 98 %."""
    users = Users(10_000, pattern)  # type: ignore[arg-type]
    return replace(BASE, users=users, by_hand=HANDS, effect=effect)


def few(effect: float) -> Scenario:
    """Two thousand users, ten requests each: harder to tell apart than as many requests of strangers."""
    return replace(BASE, users=Users(2_000), effect={FAILS: effect})


def arriving() -> Plan:
    """The default guardrails; each stage has forty thousand requests' time, the bake as well."""
    time = STAGE * 1_000
    stages = tuple(Stage(weight, min_duration=0, max_duration=time) for weight in (1_000, 5_000, 10_000))
    return plan(THREE, stages=stages, mode="auto", bake=time)


ALL = [
    Row("identical", BASE, (FALSE, *RIVALS), plan()),
    Row(
        "identical, five guardrails",
        Scenario(100_000),
        (Figure("false rollbacks", rolled_back, at_most=0.05), *RIVALS),
        plan(FIVE),
    ),
    Row(
        "worse by the margin",
        replace(BASE, effect={FAILS: 0.03}),
        (
            Figure("false promotions", promoted, at_most=0.05),
            Figure("peeked z-test: false promotions", z_promoted),
            Figure("fixed threshold: false promotions", fixed_promoted),
        ),
        plan(comparisons={FAILS: Limits(0.0, 0.02, 0.03, 0.05, armed=False)}),
    ),
    Row(
        "5 points worse",
        replace(BASE, effect=WORSE),
        (
            POWER,
            Figure("requests", requests, at_most=5_000, percent=False),
            Figure("excess bad answers", excess, at_most=30, percent=False),
        ),
        plan(),
    ),
    Row(
        "10 points worse",
        replace(BASE, effect={FAILS: 0.10}),
        (Figure("requests", requests, at_most=1_600, percent=False),),
        plan(),
    ),
    Row("drift, identical", DRIFT, (FALSE, *RIVALS), plan()),
    Row("drift, 5 points worse", replace(DRIFT, effect=WORSE), (POWER,), plan()),
    *(Row(f"sticky {each}, identical", sticky(each, {}), (FALSE, *RIVALS), plan()) for each in PATTERNS),
    *(Row(f"sticky {each}, 5 points worse", sticky(each, WORSE), (POWER,), plan()) for each in PATTERNS),
    Row("2,000 users, 8 points worse", few(0.08), (Figure("rolled back", rolled_back),), plan()),
    Row(
        "2,000 users, 8 points worse, one outcome a user",
        few(0.08),
        (Figure("rolled back", rolled_back),),
        plan(depth=1),
    ),
    Row("hard then easy, identical", HARD_THEN_EASY, (FALSE, *RIVALS), plan()),
    Row(
        "hard then easy, 5 points worse",
        replace(HARD_THEN_EASY, effect=WORSE),
        (POWER, Figure("peeked z-test: promoted", z_promoted)),
        plan(),
    ),
    Row(
        "identical, to 100 %",
        Scenario(3 * STAGE + 1_000),
        (Figure("arrived", arrived, at_least=0.95),),
        arriving(),
    ),
    Row(
        "interval, identical",
        BASE,
        (Figure("ever missed", missed, at_most=0.05),),
        plan(mode="manual"),
        watch_interval=True,
    ),
    Row(
        "interval, 5 points worse",
        replace(BASE, effect=WORSE),
        (Figure("ever missed", missed, at_most=0.05),),
        plan(mode="manual"),
        watch_interval=True,
    ),
]  # fmt: skip

SEED = 20_260_000_000
"""Row i begins with the seed SEED + 1,000,000·i, and run j of it has j more."""
ROWS = [replace(row, seed=SEED + 1_000_000 * index) for index, row in enumerate(ALL)]
