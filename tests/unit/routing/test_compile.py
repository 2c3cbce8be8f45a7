"""From a written configuration to the table that is served."""

from __future__ import annotations

import hashlib
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.load import parse
from config.names import name_hash
from routing.compile import compile_snapshot
from routing.decide import decide
from routing.rollout.state import RolloutState
from routing.snapshot import (
    BASIS_POINTS,
    NATIVE,
    BreakerRule,
    Cascade,
    Condition,
    Fixed,
    Passthrough,
    Rollout,
    Snapshot,
    Weights,
)
from tests.unit.routing.made import UNIT_KEY, facts, key

UPSTREAMS = """
upstreams:
  openai:
    provider: openai
    api_key: sk-test
    headers: {X-Team: solvers}
    query: {api-version: v1}
  google: {provider: gemini, api_key: g-test, ask_usage: false}
  native: {provider: gemini, api: native, api_key: g-test}
  other: {provider: litellm, api_key: o-test}
  keyless: {provider: openai, base_url: "http://vllm:8000/v1/", endpoints: [chat, completions]}
  sim:
    provider: simulated
    latency: {median: 20ms, p95: 50ms}
    tokens_per_second: 60
    error_rate: 1%
    pass_rate: {800: 99%, 2500: 40%}
    seed: 7
"""
SOLVER = """
routes:
  solver:
    names: [gpt-5]
    variants:
      tuned:
        upstream: openai
        model: "ft:gpt-4.1-mini-2025-04-14:acme:cp:abc"
        price: {input: 0.80, cached_input: 0.20, output: 3.20, request: 0.01}
        system: {replace: "Solve in C++17."}
        drop: [temperature]
        rename: {max_tokens: max_completion_tokens}
        parameters: {max_tokens: 100, n: 1}
        override: {top_p: 1}
      base: {upstream: openai, model: gpt-4.1-mini}
      gemini: {upstream: google, model: gemini-2.5-flash, price: deepinfra/google/gemini-2.5-flash}
      mystery: {upstream: keyless, model: orders}
    difficulty: {scale: {min: 0, max: 10}, from: [header, metadata.rating], default: 4, strata: [3, 6]}
    segments:
      - name: hard
        when: {difficulty: {gte: 5}, percent: 12.5, has: tools, "header.X-Tier": {in: [gold, 1]}}
        rollout: {baseline: base, candidate: tuned, stages: [10, 50, 100]}
      - name: shared
        when: {gain: {top: 20%}}
        weights: {gemini: 90, base: 10, tuned: 0}
      - name: chained
        when: {language: ko}
        cascade: {first: gemini, then: base}
      - {name: rest, variant: gemini}
    fallbacks: [tuned, base]
    validators: [{type: json}]
    timeouts: {connect: 1s, first_token: 2s, idle: 3s, total: 4s}
    retries: 2
    retry_ambiguous: true
    breaker: {errors: 5, ratio: 50%, pause: 2s}
    outcomes: {sample: 25%}
"""


def compiled(routes: str = SOLVER, upstreams: str = UPSTREAMS, **fields: Any) -> Snapshot:
    config = parse(upstreams + routes, base=Path("/"), environ={}).config
    return compile_snapshot(config, **{"revision": 1, "signing_keys": (), "unit_key": UNIT_KEY, **fields})


def rollout_of(snapshot: Snapshot, route: str = "solver") -> Rollout:
    assignment = snapshot.routes[route].segments[0].assignment
    assert isinstance(assignment, Rollout)
    return assignment


def test_a_breaker_that_is_off() -> None:
    routes = SOLVER.replace("{errors: 5, ratio: 50%, pause: 2s}", '"off"')
    assert compiled(routes).routes["solver"].breaker is None


def test_what_is_passed_through() -> None:
    assert compiled().passthrough is None
    passed = compiled(
        SOLVER + "passthrough: {upstream: openai, paths: [files, audio], body: 2MiB}"
    ).passthrough
    assert passed == Passthrough("openai", frozenset(("files", "audio")), 2 << 20)


def test_the_route() -> None:
    snapshot = compiled(revision=9, signing_keys=(b"k" * 32,))
    assert (snapshot.revision, snapshot.signing_keys) == (9, (b"k" * 32,))
    assert set(snapshot.names) == {"solver", "gpt-5"}
    route = snapshot.names["gpt-5"]
    assert route is snapshot.routes["solver"]
    assert (route.name, route.hash) == ("solver", name_hash("solver"))
    assert [each.name for each in route.fallbacks] == ["tuned", "base"]
    assert route.sticky == ("header", "metadata.headgate_key", "safety_identifier", "user", "conversation")
    timeouts = route.timeouts
    assert (timeouts.connect, timeouts.first_token, timeouts.idle, timeouts.total) == (1.0, 2.0, 3.0, 4.0)
    assert (route.retries, route.retry_ambiguous) == (2, True)
    assert route.breaker == BreakerRule(errors=5, ratio=5_000, requests=30, pause=2.0, longest_pause=60.0)
    difficulty = route.difficulty
    assert (difficulty.scale, difficulty.minimum, difficulty.maximum) == ("range", 0.0, 10.0)
    assert difficulty.sources == (("header", ""), ("metadata.rating", "rating"))
    assert (difficulty.default, difficulty.labels) == (4.0, ("lt3", "3-6", "ge6"))


def test_variants() -> None:
    variants = compiled().routes["solver"].variants
    tuned = variants["tuned"]
    assert (tuned.hash, tuned.upstream, tuned.drop) == (name_hash("tuned"), "openai", ("temperature",))
    assert tuned.model == "ft:gpt-4.1-mini-2025-04-14:acme:cp:abc"
    assert tuned.rename == (("max_tokens", "max_completion_tokens"),)
    assert tuned.parameters == {"max_completion_tokens": 100, "n": 1}
    assert tuned.override == {"top_p": 1}
    assert tuned.system is not None and (tuned.system.mode, tuned.system.text) == (
        "replace",
        "Solve in C++17.",
    )
    assert "responses" in tuned.endpoints and variants["gemini"].endpoints == {"chat", "embeddings"}
    assert variants["mystery"].endpoints == {"chat", "completions"}


def test_prices_are_per_token_and_unknown_is_not_free() -> None:
    variants = compiled().routes["solver"].variants
    tuned, base, gemini = (variants[name].price for name in ("tuned", "base", "gemini"))
    assert tuned is not None and base is not None and gemini is not None
    assert (tuned.input, tuned.cached_input, tuned.output, tuned.request) == (
        pytest.approx(0.8e-6), pytest.approx(0.2e-6), pytest.approx(3.2e-6), 0.01,
    )  # fmt: skip
    assert 0 < base.cached_input < base.input < base.output < 1e-4
    assert 0 < gemini.input < 1e-6
    assert variants["mystery"].price is None


def test_segments() -> None:
    hard, shared, chained, rest = compiled().routes["solver"].segments
    assert [each.name for each in (hard, shared, chained, rest)] == ["hard", "shared", "chained", "rest"]
    assert hard.hash == name_hash("hard") and hard.sample == 2_500 and len(hard.sample_salt) == 32
    by_subject = {condition.subject: condition for condition in hard.conditions}
    assert by_subject["difficulty"] == Condition("difficulty", "", "gte", 5.0)
    assert by_subject["has"] == Condition("has", "", "eq", "tools")
    assert by_subject["header"] == Condition("header", "x-tier", "in", ("gold", 1))
    assert by_subject["percent"].value == 1_250 and len(by_subject["percent"].salt) == 32
    assert shared.conditions == (Condition("gain", "", "top", 2_000),)
    assert isinstance(shared.assignment, Weights)
    assert [(bound, each.name) for bound, each in shared.assignment.bounds] == [
        (9_000, "gemini"),
        (10_000, "base"),
    ]
    assert isinstance(chained.assignment, Cascade)
    assert (chained.assignment.first.name, chained.assignment.then.name) == ("gemini", "base")
    assert chained.assignment.count == len(msgspec.msgpack.decode(chained.assignment.rules)) > 0
    assert isinstance(rest.assignment, Fixed) and rest.assignment.variant.name == "gemini"
    assert rest.conditions == ()


def test_every_purpose_has_its_own_salt() -> None:
    hard, shared, *_ = compiled().routes["solver"].segments
    plan, weights = hard.assignment, shared.assignment
    assert isinstance(plan, Rollout) and isinstance(weights, Weights)
    percent = next(each.salt for each in hard.conditions if each.subject == "percent")
    salts = [plan.salt, weights.salt, percent, hard.sample_salt, shared.sample_salt]
    assert len(set(salts)) == 5


@pytest.mark.parametrize(("percent", "share"), [("5", 500), ("0.01%", 1), ("100", 10_000)])
def test_a_shadow(percent: str, share: int) -> None:
    written = SOLVER.replace(
        "{name: rest, variant: gemini}",
        f"{{name: rest, variant: gemini, shadow: {{variant: base, percent: {percent}, concurrency: 3}}}}",
    )
    *others, rest = compiled(written).routes["solver"].segments
    assert all(each.shadow is None for each in others) and rest.shadow is not None
    assert (rest.shadow.variant.name, rest.shadow.share, rest.shadow.concurrency) == ("base", share, 3)
    assert rest.shadow.salt not in (rest.sample_salt, b"") and len(rest.shadow.salt) == 32


def test_a_shadow_of_nothing_is_none() -> None:
    written = SOLVER.replace(
        "stages: [10, 50, 100]}", "stages: [10]}\n        shadow: {variant: gemini, percent: 0}"
    )
    assert compiled(written).routes["solver"].segments[0].shadow is None


def test_a_shadow_of_a_route_without_segments() -> None:
    written = (
        "routes: {r: {variants: {a: {upstream: sim, model: m}, b: {upstream: sim, model: n}}, "
        "variant: a, shadow: {variant: b, percent: 1}}}"
    )
    (segment,) = compiled(written).routes["r"].segments
    assert segment.shadow is not None and (segment.shadow.share, segment.shadow.concurrency) == (100, 8)


def test_salts_follow_the_deployment_and_the_epoch_and_nothing_else() -> None:
    salt = rollout_of(compiled()).salt
    assert rollout_of(compiled(revision=2, signing_keys=(b"other" * 8,))).salt == salt
    assert rollout_of(compiled(unit_key=b"u" * 32)).salt != salt
    where = ("solver", "hard")
    assert rollout_of(compiled(rollouts={where: RolloutState(3_000, period=4)})).salt == salt
    assert rollout_of(compiled(rollouts={where: RolloutState(3_000, epoch=2)})).salt != salt


def plan(written: str) -> Rollout:
    variants = "{a: {upstream: sim, model: m}, b: {upstream: sim, model: n}}"
    return rollout_of(
        compiled(
            f"routes: {{r: {{variants: {variants}, rollout: {{baseline: a, candidate: b, {written}}}}}}}"
        ),
        "r",
    )


@pytest.mark.parametrize(
    ("written", "weight"),
    [
        ("stages: [10, 50, 100]", 1_000), ("stages: [10, 50], start: manual", 0), ("stages: [100]", 9_800),
        ("stages: [100], holdout: 5%", 9_500), ("stages: [100], bake: 0s", 10_000),
        ("stages: [100], holdout: 0%", 10_000), ("stages: [0.01]", 1),
    ],
)  # fmt: skip
def test_a_rollout_begins_with_its_first_stage(written: str, weight: int) -> None:
    begun = plan(written)
    assert (begun.weight, begun.epoch, begun.period, begun.reference) == (weight, 1, 1, 0)
    assert begun.rolled_back is False
    expected = (0, BASIS_POINTS) if 0 < weight < BASIS_POINTS else (weight, weight)
    assert (begun.low, begun.high) == expected


def test_a_route_without_segments_has_one_named_all() -> None:
    written = "routes: {r: {variants: {a: {upstream: sim, model: m}}, variant: a}}"
    (segment,) = compiled(written).routes["r"].segments
    assert (segment.name, segment.hash, segment.sample) == ("all", name_hash("all"), BASIS_POINTS)


def test_the_state_of_a_rollout() -> None:
    state = RolloutState(5_000, epoch=2, period=3, reference=1, earlier=(1_000, 9_000))
    served = rollout_of(compiled(rollouts={("solver", "hard"): state, ("other", "all"): RolloutState(1)}))
    assert (served.weight, served.epoch, served.period, served.reference) == (5_000, 2, 3, 1)
    assert (served.low, served.high) == (1_000, 9_000)


def test_a_rolled_back_candidate_is_no_fallback() -> None:
    state = RolloutState(0, earlier=(1_000,), rolled_back=True)
    route = compiled(rollouts={("solver", "hard"): state}).routes["solver"]
    assert route.after["base"] == () and [each.name for each in route.after["gemini"]] == ["base"]


@given(st.integers(0, BASIS_POINTS), st.lists(st.integers(0, BASIS_POINTS), max_size=6))
def test_compared_are_those_whose_side_the_newest_weight_decided(weight: int, earlier: list[int]) -> None:
    low, high = RolloutState(weight, earlier=tuple(earlier)).compared
    cuts = sorted({0, BASIS_POINTS, *earlier})
    if weight in cuts:
        assert low == high
    else:
        assert (low, high) in pairwise(cuts) and low < weight < high


def test_upstreams() -> None:
    upstreams = compiled().upstreams
    openai = upstreams["openai"]
    assert (openai.provider, openai.base_url) == ("openai", "https://api.openai.com/v1")
    assert (openai.api_key, openai.ca_file, openai.ask_usage) == ("sk-test", "", True)
    assert openai.headers == (("x-team", "solvers"),) and openai.query == (("api-version", "v1"),)
    assert "sk-test" not in repr(openai) and "solvers" not in repr(openai)
    google = upstreams["google"]
    assert (google.provider, google.ask_usage) == ("gemini", False)
    assert google.base_url == "https://generativelanguage.googleapis.com/v1beta/openai"
    native = upstreams["native"]
    assert (native.provider, upstreams["other"].provider) == (NATIVE, "litellm")
    assert native.base_url == "https://generativelanguage.googleapis.com/v1beta"
    assert (upstreams["other"].api_key, upstreams["other"].base_url) == ("o-test", "")
    assert (upstreams["keyless"].api_key, upstreams["keyless"].base_url) == ("", "http://vllm:8000/v1")
    assert upstreams["sim"].options == {
        "latency_median": 0.02, "latency_p95": 0.05, "tokens_per_second": 60.0, "error_rate": 0.01,
        "pass_rate": ((800.0, 0.99), (2500.0, 0.4)), "book": "", "seed": 7,
    }  # fmt: skip


def test_files_of_upstreams(tmp_path: Path) -> None:
    authority, book = tmp_path / "ca.pem", tmp_path / "book.json"
    authority.write_text("x")
    book.write_text("{}")
    upstreams = (
        f"upstreams: {{own: {{provider: openai, base_url: 'https://h/v1', ca_file: {authority}}},"
        f" sim: {{provider: simulated, book: {book}}}}}\n"
    )
    made = compiled(
        "routes: {r: {variants: {a: {upstream: sim, model: m}}, variant: a}}", upstreams
    ).upstreams
    assert made["own"].ca_file == str(authority)
    assert made["sim"].options["book"] == str(book)


def test_models_directly() -> None:
    snapshot = compiled()
    decision = decide(snapshot, facts("sim/any/model", caller=key("direct")))
    assert (decision.route.name, decision.variant.name) == ("sim/*", "sim/*")
    assert (decision.variant.model, decision.variant.upstream) == ("any/model", "sim")
    assert decision.variant.price is None
    assert snapshot.direct["google"].variants["google/*"].endpoints == {"chat", "embeddings"}


NATIVELY = "routes: {r: {variants: {v: {upstream: native, model: gemini-2.5-flash}}, variant: v}}"
TRANSLATED = "routes: {r: {variants: {v: {upstream: other, model: anthropic/claude}}, variant: v}}"


def test_models_of_translated_upstreams_directly() -> None:
    plain = compiled()
    assert not plain.translates
    assert plain.direct.keys().isdisjoint(("native", "other"))  # nothing has litellm loaded
    native = compiled(NATIVELY)
    assert native.translates and native.routes["r"].variants["v"].endpoints == {"chat"}
    assert native.direct["native"].variants["native/*"].endpoints == {"chat"}
    other = compiled(TRANSLATED)
    assert other.translates and "other" not in other.direct  # its models say which host gets the key


@pytest.mark.parametrize(
    ("written", "url"),
    [("http://proxy:8000", "http://proxy:8000/v1beta"), ("http://proxy/v1beta", "http://proxy/v1beta"),
     ("http://proxy/v1beta/openai", "http://proxy/v1beta"), ("http://proxy/own/", "http://proxy/own")],
)  # fmt: skip
def test_where_the_native_api_is(written: str, url: str) -> None:
    upstreams = UPSTREAMS.replace("api: native", f"api: native, base_url: '{written}'")
    assert compiled(NATIVELY, upstreams).upstreams["native"].base_url == url


def test_keys_and_limits() -> None:
    digest = hashlib.sha256(b"hg_secret").hexdigest()
    server = f"""
server:
  keys:
    - {{name: judge-1, application: judge, hash: "sha256:{digest}", scopes: [chat, pin], routes: [solver]}}
    - {{name: ops, hash: "sha256:{"0" * 64}"}}
  response_headers: minimal
  limits: {{body: 1MiB, headers: 2KiB, header_time: 3s, body_idle: 4s, connections: 5, concurrency: 6}}
  lame_duck: 7s
  drain: 8s
"""
    snapshot = compiled(SOLVER + server)
    judge = snapshot.keys[hashlib.sha256(b"hg_secret").digest()]
    assert (judge.name, judge.application, judge.application_hash) == ("judge-1", "judge", name_hash("judge"))
    assert (judge.scopes, judge.routes) == ({"chat", "pin"}, {"solver"})
    assert snapshot.keys[bytes(32)].routes is None
    limits = snapshot.limits
    assert (limits.body, limits.headers, limits.header_time, limits.body_idle) == (2**20, 2048, 3.0, 4.0)
    assert (limits.connections, limits.concurrency) == (5, 6)
    assert (snapshot.response_headers, snapshot.lame_duck, snapshot.drain) == ("minimal", 7.0, 8.0)


def test_a_snapshot_travels_between_processes() -> None:
    snapshot = compiled()
    assert pickle.loads(pickle.dumps(snapshot, protocol=5)) == snapshot
