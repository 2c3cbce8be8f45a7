"""The demo's scenarios, and the configuration of one: three simulated models behind the route `solver`."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

BOOK = Path(__file__).with_name("tasks.json")
ROUTE, SEGMENT = "solver", "hard"
"""The route, and its segment that has the rollout."""
HARD = 2500
"""From this rating on a task is in the segment `hard`."""
BASELINE, CANDIDATE = "base", "tuned"
STAGE_SECONDS, BAKE_SECONDS, COOLDOWN_SECONDS = 12, 12, 60
"""At speed 1 …"""
LONGEST_SECONDS = 600, 600
"""… how long its stages may last, for the slowest machine: models that differ are told apart in a minute …"""
TIRED_SECONDS = 65, 35
"""… and how long they may last when the models do not differ, before anybody grows tired of watching."""

Points = tuple[tuple[int, int], ...]
BASE: Points = ((800, 98), (1600, 95), (2500, 85), (3500, 70))
CANDIDATES: dict[str, Points] = {
    "good": ((800, 99), (1600, 97), (2500, 96), (3500, 88)),
    "bad": ((800, 97), (1600, 85), (2500, 62), (3500, 42)),
    "same": BASE,
}
"""Scenario → the tuned model's share of right answers, in percent, by rating."""

_HOUSE = "latency: {median: 300ms, p95: 750ms}, tokens_per_second: 600"
_LAB = "latency: {median: 225ms, p95: 450ms}, tokens_per_second: 800"
_CHEAP = "{input: 0.40, cached_input: 0.10, output: 1.60}"
_DEAR = "{input: 0.80, cached_input: 0.20, output: 3.20}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a demo starts from: the configuration's text, the application's key, the operator's key."""

    text: str
    key: str
    admin_key: str


def places() -> list[tuple[str, str]]:
    """(segment, variant), in the order of the screen."""
    return [(SEGMENT, CANDIDATE), (SEGMENT, BASELINE), ("ordinary", "gemini")]


def set_up(scenario: str, speed: float = 1.0) -> Setup:
    """A configuration for `scenario` with fresh keys; its stages are as short as `speed` is high."""
    key, admin_key = (f"hg_{secrets.token_urlsafe(18)}" for _ in range(2))
    same = scenario == "same"
    text = _CONFIGURATION.format(
        key_hash=hashlib.sha256(key.encode()).hexdigest(),
        admin_hash=hashlib.sha256(admin_key.encode()).hexdigest(),
        book=json.dumps(str(BOOK)),
        base=_points(BASE),
        tuned=_points(CANDIDATES[scenario]),
        house=_HOUSE,
        lab=_HOUSE if same else _LAB,
        base_price=_CHEAP,
        tuned_price=_CHEAP if same else _DEAR,
        hard=HARD,
        stage=_duration(STAGE_SECONDS / speed),
        longest=[_duration(seconds / speed) for seconds in (TIRED_SECONDS if same else LONGEST_SECONDS)],
        bake=_duration(BAKE_SECONDS / speed),
        cooldown=_duration(COOLDOWN_SECONDS / speed),
    )
    return Setup(text, key, admin_key)


def _points(points: Points) -> str:
    return "{" + ", ".join(f"{rating}: {share}%" for rating, share in points) + "}"


def _duration(seconds: float) -> str:
    return f"{seconds * 1_000:.0f}ms"


# What an operator would write for a demonstration: minutes instead of days are possible because the margins
# are wide and the models differ a lot. The levels make a false rollback before an audience very unlikely.
_CONFIGURATION = """\
server:
  keys:
    - {{name: demo, application: solver, hash: "sha256:{key_hash}", scopes: [chat, outcomes]}}
    - {{name: operator, application: operations, hash: "sha256:{admin_hash}", scopes: [admin]}}
  lame_duck: 0s
  drain: 1s
upstreams:
  lab:    {{provider: simulated, {lab}, error_rate: 1%, pass_rate: {tuned}, book: {book}}}
  house:  {{provider: simulated, {house}, error_rate: 1%, pass_rate: {base}, book: {book}}}
  google: {{provider: simulated, latency: {{median: 175ms, p95: 400ms}}, tokens_per_second: 1000,
           error_rate: 1%, pass_rate: {base}, book: {book}}}
capture: {{max_size: 256MiB}}
routes:
  solver:
    variants:
      tuned:  {{upstream: lab, model: tuned-solver, price: {tuned_price}}}
      base:   {{upstream: house, model: base-solver, price: {base_price}}}
      gemini: {{upstream: google, model: gemini-2.5-flash,
               price: {{input: 0.30, cached_input: 0.03, output: 2.50}}}}
    difficulty: {{scale: codeforces, from: [header, metadata.rating], strata: [1600, 2200, 2800]}}
    segments:
      - name: hard
        when: {{difficulty: {{gte: {hard}}}}}
        rollout:
          baseline: base
          candidate: tuned
          stages:
            - {{weight: 10, min_samples: 60, min_duration: {stage}, max_duration: {longest[0]}}}
            - {{weight: 50, min_samples: 60, min_duration: {stage}, max_duration: {longest[1]}}}
            - 100
          bake: {bake}
          holdout: 2%
          cooldown: {cooldown}
          guardrails:
            validation_passed: {{margin: 15pt, alpha: 0.002}}
            errors: {{harm: 2pt, margin: 5pt, alpha: 0.001}}
            latency_p95: {{harm: 5pt, margin: 12pt, alpha: 0.001}}
            cost_per_success: {{max_ratio: 3}}
      - name: ordinary
        variant: gemini
    fallbacks: [base, gemini]
"""
