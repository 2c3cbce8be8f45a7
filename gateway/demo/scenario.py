"""The demo's scenarios, and the configuration of one: three simulated models behind the route `solver`."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

BOOK = Path(__file__).with_name("tasks.json")
ROUTE = "solver"
HARD = 2500
"""From this rating on a task is in the segment `hard`."""
CANDIDATE_WEIGHT = 10

BASE = ((800, 98), (1600, 90), (2500, 55), (3500, 30))
CANDIDATES = {
    "good": ((800, 99), (1600, 94), (2500, 85), (3500, 65)),
    "bad": ((800, 97), (1600, 80), (2500, 25), (3500, 10)),
    "same": BASE,
}
"""Scenario → the tuned model's share of right answers, in percent, by rating."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a demo starts from: the configuration's text, the application's key, the operator's key."""

    text: str
    key: str
    admin_key: str


def weights() -> dict[tuple[str, str], int]:
    """(segment, variant) → its configured weight in percent, in the order of the screen."""
    return {
        ("hard", "tuned"): CANDIDATE_WEIGHT,
        ("hard", "base"): 100 - CANDIDATE_WEIGHT,
        ("ordinary", "gemini"): 100,
    }


def set_up(scenario: str) -> Setup:
    """A configuration for `scenario` with fresh keys."""
    key, admin_key = (f"hg_{secrets.token_urlsafe(18)}" for _ in range(2))
    text = _CONFIGURATION.format(
        key_hash=hashlib.sha256(key.encode()).hexdigest(),
        admin_hash=hashlib.sha256(admin_key.encode()).hexdigest(),
        book=json.dumps(str(BOOK)),
        base=_points(BASE),
        tuned=_points(CANDIDATES[scenario]),
        hard=HARD,
        weight=CANDIDATE_WEIGHT,
    )
    return Setup(text, key, admin_key)


def _points(points: tuple[tuple[int, int], ...]) -> str:
    return "{" + ", ".join(f"{rating}: {share}%" for rating, share in points) + "}"


_CONFIGURATION = """\
server:
  keys:
    - {{name: demo, application: solver, hash: "sha256:{key_hash}", scopes: [chat, outcomes]}}
    - {{name: operator, application: operations, hash: "sha256:{admin_hash}", scopes: [admin]}}
  lame_duck: 0s
  drain: 1s
upstreams:
  lab:    {{provider: simulated, latency: {{median: 450ms, p95: 900ms}}, tokens_per_second: 400,
           error_rate: 1%, pass_rate: {tuned}, book: {book}}}
  house:  {{provider: simulated, latency: {{median: 600ms, p95: 1500ms}}, tokens_per_second: 300,
           error_rate: 1%, pass_rate: {base}, book: {book}}}
  google: {{provider: simulated, latency: {{median: 350ms, p95: 800ms}}, tokens_per_second: 500,
           error_rate: 1%, pass_rate: {base}, book: {book}}}
routes:
  solver:
    variants:
      tuned:  {{upstream: lab, model: tuned-solver,
               price: {{input: 0.80, cached_input: 0.20, output: 3.20}}}}
      base:   {{upstream: house, model: base-solver,
               price: {{input: 0.40, cached_input: 0.10, output: 1.60}}}}
      gemini: {{upstream: google, model: gemini-2.5-flash,
               price: {{input: 0.30, cached_input: 0.03, output: 2.50}}}}
    difficulty: {{scale: codeforces, from: [header, metadata.rating], strata: [1600, 2200, 2800]}}
    segments:
      - name: hard
        when: {{difficulty: {{gte: {hard}}}}}
        rollout: {{baseline: base, candidate: tuned, stages: [{weight}, 50, 100]}}
      - name: ordinary
        variant: gemini
    fallbacks: [base, gemini]
"""
