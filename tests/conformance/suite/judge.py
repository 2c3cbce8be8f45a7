"""What became of one release's tests: directly on the mock, and through the gateway."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.suite.mock import Asked
from tests.conformance.suite.scope import reason_of

UNFIT = "fails without a gateway too: the mock's specification and the client's release differ"


@dataclass
class Verdict:
    """One folder of the suite: tests by id."""

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    """Out of scope by `scope.py`, yet they passed."""
    skipped: Counter[str] = field(default_factory=Counter)


def judged(direct: Mapping[str, str], through: Mapping[str, str]) -> Verdict:
    """The verdict on the tests in `direct`: id → what was wrong; the same ids are in `through`."""
    verdict = Verdict()
    for test, wrong in direct.items():
        reason = reason_of(test)
        if wrong.startswith("skipped"):
            verdict.skipped[wrong] += 1
        elif wrong:
            verdict.skipped[UNFIT] += 1
        elif reason is None and not through[test]:
            verdict.passed.append(test)
        elif reason is None:
            verdict.failed[test] = through[test]
        elif through[test]:
            verdict.skipped[reason] += 1
        else:
            verdict.stale.append(test)
    return verdict


def altered(direct: Iterable[Asked], through: Iterable[Asked]) -> list[Asked]:
    """The requests that reached the upstream through the gateway and that no client had sent like that.

    What the gateway owns is left out of the comparison: the model, metadata that is not stored, and the usage
    that it asks of every stream.
    """
    sent = Counter(_written(asked) for asked in direct)
    return [asked for asked in through if _written(asked) not in sent]


def _written(asked: Asked) -> str:
    return json.dumps([asked.method, asked.path, _own(asked.body)], sort_keys=True)


def _own(body: Any) -> Any:
    if not isinstance(body, dict):
        return body
    body = dict(body)
    body.pop("model", None)
    if "messages" in body and body.get("store") is not True:
        body.pop("metadata", None)
    if body.get("stream") and isinstance(options := body.pop("stream_options", {}), dict):
        body["stream_options"] = {name: value for name, value in options.items() if name != "include_usage"}
    return body
