from __future__ import annotations

from pathlib import Path

import pytest

from config.problems import ConfigError
from tests.unit.config.made import HASH, SMALL, loaded, mistakes, small


def test_what_is_left_out_has_its_default() -> None:
    text = small("""
        rollout:
          baseline: base
          candidate: tuned
          stages: [10, {weight: 50.5, min_samples: 0, max_duration: 9d}, 100%]
    """)
    config = loaded(text).config
    route = config.routes["solver"]
    assert route.sticky == ("header", "metadata.headgate_key", "safety_identifier", "user", "conversation")
    assert (route.retries, route.validation, route.outcomes.sample) == (1, "application", 10_000)
    assert (
        route.timeouts.connect,
        route.timeouts.first_token,
        route.timeouts.idle,
        route.timeouts.total,
    ) == (5, 60, 60, 600)
    assert [part.name for part in route.parts] == ["all"]
    plan = route.rollout
    assert plan is not None
    assert [stage.weight for stage in plan.stages] == [1_000, 5_050, 10_000]
    assert [stage.min_samples for stage in plan.stages] == [300, 0, 300]
    assert [stage.max_duration / 86_400 for stage in plan.stages] == [7, 9, 7]
    assert (plan.coverage, plan.holdout, plan.bake, plan.outcomes_per_unit) == (8_000, 200, 259_200, 3)
    guardrails = plan.guardrails
    limits = guardrails.comparisons.items()
    assert {name: (it.harm, it.alpha, it.margin, it.promote_alpha) for name, it in limits} == {
        "validation_passed": (0, 0.02, 0.03, 0.05),
        "errors": (0.005, 0.01, 0.01, 0.05),
        "latency_p95": (0.025, 0.005, 0.05, 0.05),
    }  # fmt: skip
    assert guardrails.ratios == {}
    assert config.server.limits.body == 20 * 1024 * 1024
    assert not config.store.shared


def test_every_key_there_is(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Answer in Korean.")
    (tmp_path / "label.json").write_text('{"enum": ["spam", "ham"]}')
    text = f"""
        server:
          keys:
            - {{name: shop, application: shop, hash: "{HASH}", scopes: [chat, pin, direct], routes: [mail]}}
          signing_keys: ["${{SIGNING:-}}"]
          response_headers: minimal
          limits:
            {{body: 2MiB, headers: 8KiB, header_time: 2s, body_idle: 3s, connections: 16, concurrency: 8}}
          lame_duck: 0s
          drain: 500ms
        upstreams:
          far: {{provider: openai, headers: {{x-team: a}}, query: {{version: "1"}}, ask_usage: false}}
          native: {{provider: gemini, api: native, api_key: k}}
          else: {{provider: litellm, base_url: "https://llm.example/"}}
          toy: {{provider: simulated, error_rate: 0.5%}}
        passthrough: {{upstream: far, paths: [files, batches], body: 64MiB}}
        store: {{url: sqlite}}
        capture: {{content: true, redact: ['[0-9]{{16}}'], retention: 1d, max_size: 1GiB}}
        prometheus: {{url: "https://somebody:secret@prometheus.example"}}
        routes:
          mail:
            names: [mail/fast, "mail:2"]
            variants:
              old: {{upstream: far, model: old-model, price: gpt-4.1-mini, system: {{prepend: Hello.}}}}
              new: {{upstream: native, model: gemini-pro, system: {{file: note.txt}}, override: {{n: 1}}}}
              big: {{upstream: else, model: vendor/big, rename: {{max_tokens: max_new_tokens}}, drop: [seed]}}
            sticky: [metadata.user, user]
            difficulty: {{scale: {{min: 0, max: 10}}, from: [metadata.level], default: 5, strata: [3, 7]}}
            segments:
              - {{name: long, when: {{tokens: {{gt: 8000}}, has: tools}}, cascade: {{first: old, then: big}}}}
              - {{name: some, when: {{percent: 20, metadata.a: {{ne: b}}}}, weights: {{old: 75%, new: 25}}}}
              - name: rest
                rollout:
                  baseline: old
                  candidate: new
                  stages: [1, {{weight: 25, min_samples: 50, min_duration: 0s, max_duration: 2d}}]
                  mode: manual
                  start: manual
                  attribution_window: 2h
                  outcome_ttl: 3d
                  coverage: 50%
                  bake: 0s
                  holdout: 0%
                  cooldown: 0s
                  outcomes_per_unit: 1
                  notify: ["https://hooks.example/a"]
                  guardrails:
                    validation_passed: {{harm: 1pt, alpha: 0.01, margin: 2.5pt, promote_alpha: 0.1}}
                    latency_p95: off
                    cost_per_request: {{max_ratio: 3, alpha: 0.05}}
                    prometheus: [{{name: queue, query: "max(queue)", max: 100}}]
            fallbacks: [old]
            timeouts: {{connect: 1s, first_token: 5s, idle: 5s, total: 20s}}
            retries: 0
            retry_ambiguous: true
            validators:
              - {{type: json}}
              - {{type: json_schema, schema: label.json}}
              - {{type: one_of, values: [spam, ham], path: $.label, trim: false, ignore_case: true}}
              - {{type: regex, pattern: "^a$", match: full}}
              - {{type: code_block, language: cpp}}
            validation: application
            outcomes: {{sample: 10%}}
    """
    config = loaded(text, base=tmp_path).config
    assert config.upstreams["else"].provider == "litellm"
    assert config.routes["mail"].outcomes.sample == 1_000


def test_guardrails_are_switched_and_take_their_metrics_defaults() -> None:
    text = small("""
        rollout:
          baseline: base
          candidate: tuned
          stages: [10]
          guardrails:
            validation_passed: off
            needs_review: on
            score: {margin: 4pt}
            time_to_first_token_p95: {}
            cost_per_request: on
            cost_per_success: {max_ratio: 2.2}
    """)
    plan = loaded(text).config.routes["solver"].rollout
    assert plan is not None
    told = {name: (it.harm, it.alpha, it.margin) for name, it in plan.guardrails.comparisons.items()}
    assert told == {
        "needs_review": (0, 0.01, 0.02),
        "errors": (0.005, 0.01, 0.01),
        "score": (0, 0.02, 0.04),
        "latency_p95": (0.025, 0.005, 0.05),
        "time_to_first_token_p95": (0.025, 0.005, 0.05),
    }
    assert {name: it.max_ratio for name, it in plan.guardrails.ratios.items()} == {
        "cost_per_request": 1.1,
        "cost_per_success": 2.2,
    }


def test_conditions_are_one_flat_list() -> None:
    text = small("""
        segments:
          - name: some
            when:
              difficulty: {gte: 1600, lt: 2200}
              gain: {top: 20%}
              tokens: {gt: 1000}
              language: ko
              has: {in: [tools, images]}
              metadata.tier: gold
              metadata.count: {ne: 3}
              header.X-Beta: {exists: true}
              application: {ne: judge}
              percent: 20
            variant: tuned
          - {name: rest, variant: base}
    """)
    when = loaded(text).config.routes["solver"].parts[0].when
    assert when is not None
    told = {(it.subject, it.name, it.operator, it.value) for it in when.conditions}
    assert told == {
        ("difficulty", "", "gte", 1600), ("difficulty", "", "lt", 2200), ("gain", "", "top", 2_000),
        ("tokens", "", "gt", 1000), ("language", "", "eq", "ko"), ("has", "", "in", ("tools", "images")),
        ("metadata", "tier", "eq", "gold"), ("metadata", "count", "ne", 3),
        ("header", "x-beta", "exists", True), ("application", "", "ne", "judge"),
        ("percent", "", "lt", 2_000),
    }  # fmt: skip


def test_a_simulated_upstream_has_its_own_keys() -> None:
    text = """
        upstreams:
          a: {provider: simulated, latency: 300ms, pass_rate: 90%, tokens_per_second: 60, error_rate: 1%}
          b: {provider: simulated, latency: {median: 300ms, p95: 900ms}, pass_rate: {2500: 40%, 800: 99%}}
          c: {provider: simulated, seed: 7}
        routes: {r: {variants: {v: {upstream: a, model: m}}, variant: v}}
    """
    a, b, c = loaded(text).config.upstreams.values()
    assert a.provider == b.provider == c.provider == "simulated"
    assert (a.latency.median, a.latency.p95, a.tokens_per_second, a.error_rate) == (0.3, 0.3, 60, 100)
    assert a.pass_rate == ((0, 9_000),)
    assert (b.latency.p95, b.pass_rate) == (0.9, ((800, 9_900), (2500, 4_000)))
    assert (c.latency.p95, c.pass_rate, c.book, c.seed) == (0, ((0, 10_000),), None, 7)


def test_an_empty_credential_or_signing_key_is_none() -> None:
    text = (
        'server: {signing_keys: ["${SIGNING:-}"]}'
        + SMALL.replace("a-key", '"${KEY:-}"')
        + "    variant: base\n"
    )
    config = loaded(text).config
    assert config.server.signing_keys == ()
    upstream = config.upstreams["openai"]
    assert upstream.provider == "openai" and upstream.api_key is None
    signed = loaded(text, {"SIGNING": "s" * 32}).config.server.signing_keys
    assert [key.get_secret_value() for key in signed] == ["s" * 32]


def test_a_key_speaks_for_an_application_of_its_own_name_by_default() -> None:
    text = f"server: {{keys: [{{name: judge, hash: '{HASH}'}}]}}\n" + small("variant: base")
    (key,) = loaded(text).config.server.keys
    assert (key.application, key.scopes, key.routes) == ("judge", ("chat", "outcomes"), None)


@pytest.mark.parametrize(
    "origin",
    ["example.com", "https://example.com/", "https://a b.com", "ftp://example.com", "null", "https://*"],
)
def test_an_origin_has_a_scheme_a_host_and_no_path(origin: str) -> None:
    with pytest.raises(ConfigError, match="must be an origin"):
        loaded("server: {cors: {origins: ['" + origin + "']}}\n" + small("variant: base"))


def test_origins_are_compared_as_browsers_write_them() -> None:
    text = "server: {cors: {origins: ['HTTPS://App.Example.com:8443', 'http://[::1]:3000', '*']}}\n"
    cors = loaded(text + small("variant: base")).config.server.cors
    assert cors is not None
    assert cors.origins == ("https://app.example.com:8443", "http://[::1]:3000", "*")


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("(a", "is not a regular expression that RE2 knows: missing ): (a"),
        ("(?<=a)b", "is not a regular expression that RE2 knows: invalid perl operator: (?<="),
        ("a*", "matches the empty text, and so everywhere"),
    ],
)
def test_a_pattern_to_redact_is_one_of_re2(
    pattern: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text = small("variant: base") + f"capture:\n  redact:\n  - good\n  - '{pattern}'\n"
    line = text.count("\n")
    assert mistakes(text) == [f"{line}: capture.redact[1]: {told}"]
    assert capfd.readouterr().err == ""


def test_weights_of_a_route_without_segments_are_read_once() -> None:
    (part,) = loaded(small("weights: {base: 99.5, tuned: 0.5}")).config.routes["solver"].parts
    assert (part.name, part.weights) == ("all", {"base": 9_950, "tuned": 50})
