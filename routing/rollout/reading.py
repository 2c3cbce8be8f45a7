"""The reading: what people, the command line and the admin API are shown of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from routing.rollout.document import Document
from routing.rollout.observed import Observed
from routing.rollout.plan import Plan
from routing.rollout.verdict import Evaluation


class Interval(NamedTuple):
    """The 95 % confidence sequence of a metric's extra bad answers in the newest period; fractions."""

    lower: float
    upper: float


def intervals(document: Document, observed: Observed, plan: Plan) -> dict[str, Interval]:
    """By metric; a metric without compared units has none. Some milliseconds: refresh it now and then."""
    raise NotImplementedError


def reading(
    document: Document,
    plan: Plan,
    evaluation: Evaluation,
    found: Mapping[str, Interval],
    when: Callable[[int], Any],
) -> dict[str, Any]:
    """The answer of `GET /admin/v1/rollouts/{route}/{segment}`; `when` writes a time (ms since 1970).

    Rates and differences are in the metric's own direction: of `validation_passed` the share that passed.
    """
    raise NotImplementedError
