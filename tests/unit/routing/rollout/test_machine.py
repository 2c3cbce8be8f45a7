"""The machine: any looks, commands, edits and accidents in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from routing.evidence.cells import Cell, Evidence
from routing.rollout.advance import advance, breaker_tripped
from routing.rollout.command import command
from routing.rollout.document import Document
from routing.rollout.epoch import first_epoch, redefined, settle
from routing.rollout.limits import baseline_fails
from routing.rollout.observed import Observed, Recent
from routing.rollout.phases import ACTIONS, LIVE, Cause, IllegalTransition, legal
from routing.rollout.plan import Plan, Ratio
from routing.rollout.record import found, look_again, record
from routing.rollout.transition import Step
from tests.unit.routing.rollout.standing import DAY, HOUR, LIMITS, NOW, WHO, plan

METRICS = ("validation_passed", "needs_review", "errors", "latency_p95")


@st.composite
def looks(draw: st.DrawFn) -> Observed:
    """Any evidence of the first periods."""
    cells: dict[Cell, int] = {}
    scale = draw(st.sampled_from((1, 100, 10_000)))
    for _ in range(draw(st.integers(0, 12))):
        cell = Cell(
            draw(st.integers(1, 4)), draw(st.sampled_from(("compared", "compared", "carried"))),
            draw(st.integers(0, 1)), draw(st.integers(0, 2)), draw(st.sampled_from(METRICS)),
            draw(st.booleans()), draw(st.sampled_from((0, 0, 20))), 1,
        )  # fmt: skip
        cells[cell] = draw(st.integers(1, 9)) * scale
    failing = draw(st.sampled_from((Recent(), Recent(20, 1), Recent(20, 20))))
    return Observed(Evidence(cells, {}, {}, {}), baseline=failing)


plans = st.builds(
    lambda weights, mode, start, bake, metrics: replace(
        plan(*sorted(weights), metrics=metrics), mode=mode, start=start, bake=bake,
        ratios={"cost_per_request": Ratio(1.1, 0.02)},
    ),
    st.sets(st.integers(1, 100), min_size=1, max_size=4),
    st.sampled_from(("auto", "auto", "recommend", "manual")),
    st.sampled_from(("auto", "manual")),
    st.sampled_from((0, HOUR, 3 * DAY)),
    st.sampled_from((("errors",), ("validation_passed", "errors", "latency_p95"), tuple(LIMITS))),
)  # fmt: skip


class Rollout(RuleBasedStateMachine):
    """One rollout's life."""

    document: Document
    plan: Plan

    @initialize(wish=plans)
    def begin(self, wish: Plan) -> None:
        self.plan = wish
        self.now = NOW
        self.document = first_epoch(WHO, wish, NOW).document
        self.definition = 0

    def take(self, step: Step, cause: Cause | None = None) -> None:
        before, after = self.document, step.document
        if step.transition is None:
            assert (
                after.phase == before.phase and after.weight == before.weight and after.epoch == before.epoch
            )
            assert after is before or after.revision == before.revision + 1
        else:
            made = step.transition
            assert after.phase in legal(before.phase, made.cause)
            assert (made.before, made.after, made.revision) == (before.phase, after.phase, after.revision)
            assert after.revision == before.revision + 1
            assert cause is None or made.cause == cause
        if after.epoch == before.epoch:
            assert after.periods[: len(before.periods) - 1] == before.periods[:-1], "the past is written once"
            assert (after.period.number > before.period.number) == (after.weight != before.weight)
        self.document = after

    @rule(seen=looks(), wait=st.sampled_from((1_000, HOUR, DAY, 8 * DAY)))
    def look(self, seen: Observed, wait: int) -> None:
        self.now += wait
        before = self.document
        step = advance(before, self.plan, seen, self.now)
        kept = record(before, self.plan, seen, self.now, step)
        assert found(look_again(kept)[1]) == kept["found"], "made again, bit for bit"
        self.check_precedence(before, seen, step)
        self.take(step)

    def check_precedence(self, before: Document, seen: Observed, step: Step) -> None:
        assert step.evaluation is not None
        harmed = any(one.verdict == "fail" and one.armed for one in step.evaluation.comparisons.values())
        moved = None if step.transition is None else step.transition.cause
        if not harmed or before.phase not in LIVE:
            assert moved not in ("harm", "baseline_failing")
        elif self.plan.mode == "manual":
            assert moved is None and step.document.recommendation == "rollback"
        elif baseline_fails(*seen.baseline):
            assert moved in (None, "baseline_failing") and step.document.weight == before.weight
        else:
            assert moved == "harm" and step.document.weight == 0
        if self.plan.mode != "auto":
            assert moved not in ("passed", "baked")
        if before.phase in ("paused", "inconclusive", "promoted", "rolled_back"):
            assert moved in (None, "harm", "baseline_failing")

    @rule(action=st.sampled_from(ACTIONS), weight=st.integers(0, 10_000), full=st.booleans(), seen=looks())
    def ask(self, action: Cause, weight: int, full: bool, seen: Observed) -> None:
        keys: dict[str, Any] = {"actor": "ada", "weight": weight, "full": full, "observed": seen}
        before = self.document
        try:
            step = command(before, self.plan, action, self.now, **keys)
        except IllegalTransition as refused:
            assert str(refused)
            spent = action == "resume" and not before.weight and len(before.periods) > 1
            assert not legal(before.phase, action) or action == "retry" or before.settled or spent
            return
        self.take(step, action)

    @rule(wish=plans)
    def edit(self, wish: Plan) -> None:
        before = self.document
        self.plan = wish
        same = redefined(before, WHO, wish, self.now).document is before
        assert same or self.definition or before.settled

    @rule()
    def redefine(self) -> None:
        self.definition += 1
        identity = WHO._replace(candidate_hash=f"c{self.definition}")
        self.take(redefined(self.document, identity, self.plan, self.now), "definition")

    @rule(failed=st.integers(0, 50))
    def trip(self, failed: int) -> None:
        before = self.document
        self.take(breaker_tripped(before, self.plan, Recent(50, failed), self.now))
        assert (self.document.phase == "rolled_back") == (
            before.phase == "rolled_back" or (before.phase in LIVE and failed < 5)
        )

    @rule()
    def settle(self) -> None:
        self.take(settle(self.document, self.now))

    @invariant()
    def whole(self) -> None:
        document = self.document
        assert Document.from_json(document.to_json()) == document
        assert document.state.compared == (document.period.low, document.period.high)
        numbers = [period.number for period in document.periods]
        assert numbers == sorted(set(numbers))
        assert 0 <= document.weight <= 10_000
        assert document.phase != "rolled_back" or document.weight == 0
        assert document.phase != "promoted" or document.weight == 10_000
        assert document.phase != "pending" or document.weight == 0
        assert document.phase not in ("running", "baking", "inconclusive") or document.weight > 0
        assert (document.phase == "paused") == (document.paused_at is not None)


TestRollout = Rollout.TestCase
TestRollout.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
