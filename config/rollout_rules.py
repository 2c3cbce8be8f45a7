"""Rules of one rollout: its stages and guardrails."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from config.problems import Finding, KeyPath
from config.rollout import Rollout
from config.schema import Config
from config.units import WHOLE, write_duration, write_points


def rollout_findings(config: Config, rollout: Rollout, path: KeyPath) -> Iterator[Finding]:
    """Everything that is wrong with a rollout at `path`."""
    if rollout.baseline == rollout.candidate:
        yield Finding((*path, "candidate"), "must differ from `baseline`")
    if rollout.outcome_ttl < rollout.attribution_window:
        window = write_duration(rollout.attribution_window)
        yield Finding((*path, "outcome_ttl"), f"must not be below `attribution_window`, {window}")
    if rollout.holdout >= WHOLE:
        yield Finding((*path, "holdout"), "must be below 100%")
    yield from _stages(rollout, path)
    yield from _guardrails(config, rollout, (*path, "guardrails"))


def _stages(rollout: Rollout, path: KeyPath) -> Iterator[Finding]:
    if not rollout.stages:
        yield Finding((*path, "stages"), "needs at least one stage")
    for at, (before, after) in enumerate(pairwise(rollout.stages), start=1):
        if after.weight <= before.weight:
            yield Finding((*path, "stages", at), "the stages must rise: each weight above the one before")
    for at, stage in enumerate(rollout.stages):
        if not stage.weight:
            message = "a stage's weight must be above 0, or nobody would be compared"
            yield Finding((*path, "stages", at), message)
        if stage.max_duration < stage.min_duration:
            longest = write_duration(stage.max_duration)
            yield Finding((*path, "stages", at), f"`min_duration` is above `max_duration`, {longest}")


def _guardrails(config: Config, rollout: Rollout, path: KeyPath) -> Iterator[Finding]:
    for metric, limits in rollout.guardrails.comparisons.items():
        if limits.harm >= limits.margin:
            harm, margin = write_points(limits.harm), write_points(limits.margin)
            message = (
                f"`harm` ({harm}) must be below `margin` ({margin}), or no candidate could be told apart"
            )
            written = "margin" if "margin" in limits.model_fields_set else "harm"
            yield Finding((*path, metric, written), message)
    queries = rollout.guardrails.prometheus
    if queries and config.prometheus is None:
        message = "needs the address of a Prometheus server: `prometheus: {url: …}` at the top level"
        yield Finding((*path, "prometheus"), message, needs=("prometheus",))
    for at, query in enumerate(queries):
        here = (*path, "prometheus", at)
        if query.min is None and query.max is None:
            yield Finding(here, "needs `min` or `max`")
        elif query.min is not None and query.max is not None and query.min > query.max:
            yield Finding((*here, "min"), "must not be above `max`")
        if any(query.name == other.name for other in queries[:at]):
            yield Finding((*here, "name"), f"another query is called `{query.name}` already")
