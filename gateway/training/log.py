"""Examples from the gateway's own event log: whom chance sent to which variant, and what came of it.

Only exposures whose variant was drawn count, each weighted by the inverse of the probability of its draw
(Horvitz and Thompson 1952): what one of two variants made of a request then estimates the gain without bias
(the transformed outcome of Athey and Imbens 2016), though with much noise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.control.event_log.frames import unframe, whole
from gateway.training.examples import DataError, Example
from routing.difficulty.features import Features, restored

DRAWN = ("rollout", "weights")
"""Reasons by which chance decided."""
APART = ("carried", "pinned", "breaker")
"""Exposures that chance did not decide although there was a rollout."""
FAILED = ("upstream_error", "timeout")
SURE = 0.01
"""Probabilities nearer than this to 0 or 1 weigh too much, or are no draw."""


def read_log(directory: Path, route: str, weak: str, strong: str, source: str | None) -> list[Example]:
    """The compared requests of a route, with the gain each of them suggests. Raises DataError.

    `source` is whose outcomes count, `gateway` or `application`; None: anybody's, and all must have passed.
    A variant that failed, or for which another answered, did not pass.
    """
    exposures: dict[str, dict[str, Any]] = {}
    passed: dict[str, bool] = {}
    for event in _events(directory):
        if event.get("type") == "exposure":
            if event.get("route") == route and event.get("variant") in (weak, strong) and _drawn(event):
                exposures[event["request"]] = event
        elif event.get("validation_passed") is not None and source in (None, event.get("source")):
            name = event["request"]
            passed[name] = passed.get(name, True) and bool(event["validation_passed"])
    drawn = [(event, _passed(event, passed.get(name))) for name, event in exposures.items()]
    judged = [(event, outcome) for event, outcome in drawn if outcome is not None]
    if not judged:
        raise DataError(
            f"{directory}: no drawn request of route {route} between {weak} and {strong} has an outcome"
        )
    mean = sum(outcome for _, outcome in judged) / len(judged)
    examples = [_example(event, outcome, mean, strong) for event, outcome in judged]
    found = [example for example in examples if example is not None]
    if not found:
        raise DataError(
            f"{directory}: neither prompts nor features are in the log; set capture.features or "
            "capture.content to true and wait for traffic"
        )
    return found


def _drawn(event: dict[str, Any]) -> bool:
    probability = event.get("probability")
    return (
        event.get("reason") in DRAWN
        and event.get("compared") not in APART
        and isinstance(probability, float | int)
        and SURE <= probability <= 1 - SURE
    )


def _passed(event: dict[str, Any], reported: bool | None) -> bool | None:
    if event.get("status") in FAILED or (reported is not None and event.get("served") != event["variant"]):
        return False
    return reported if event.get("status") == "ok" else None


def _example(event: dict[str, Any], passed: bool, mean: float, strong: str) -> Example | None:
    """What was asked, and the gain it suggests; taking the mean off only makes that steadier."""
    body, features = _body(event.get("prompt")), _features(event.get("features"))
    if body is None and features is None:
        return None
    sign = 1.0 if event["variant"] == strong else -1.0
    gain = sign * (passed - mean) / event["probability"]
    return Example(event["request"], body, None if body else features, gain=gain, group=event.get("unit"))


def _body(prompt: object) -> dict[str, Any] | None:
    """A prompt as a request's body; messages are in the log as JSON."""
    if not isinstance(prompt, str) or not prompt:
        return None
    if prompt.startswith("["):
        try:
            return {"messages": json.loads(prompt)}
        except (ValueError, RecursionError):
            pass
    return {"prompt": prompt}


def _features(record: object) -> Features | None:
    if not isinstance(record, dict):
        return None
    try:
        return restored(record)
    except ValueError:
        return None


def _events(directory: Path) -> Iterator[dict[str, Any]]:
    paths = sorted(directory.glob("*.jsonl.zst"))
    if not paths:
        raise DataError(f"{directory}: no event log (*.jsonl.zst) is there")
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from None
        end = whole(data)
        for line in unframe(data[:end]).splitlines():
            yield json.loads(line)
