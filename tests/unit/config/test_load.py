from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.document import LARGEST
from config.load import load, parse
from config.problems import ConfigError
from tests.unit.config.made import HASH, SMALL, TODAY, loaded, mistakes, small

FAULTY = """\
server:
  keys:
    - {name: a, hash: "sha256:zz", scops: [chat]}
    - {name: b, hash: "HASH", routes: [nope]}
  drain: 30
upstreams:
  openai: {provider: openai, api_key: "${NOT_SET}"}
  odd: {provider: opnai}
  bad: {provider: openai, base_url: "ftp://somebody:a-secret@host/"}
routes:
  solver:
    variants:
      tuned: {upstream: openai, model: x, price: {input: cheap}}
      base: {upstream: opneai, model: gpt-4.1-mini, foo: 1}
    sticky: [hedaer]
    segments:
      - name: hard
        when: {difficulty: {gte: lots}, dificulty: 3}
        rollout:
          baseline: base
          candidate: tunde
          stages: [50, 10, x]
          guardrails: {validation_passed: {harm: 5pt, margin: 3pt, aplha: 1}}
      - name: ordinary
        weights: {base: 50, tuned: 40}
    fallbacks: [gemini]
    retries: 2
    retries: 3
""".replace("HASH", HASH)

NAME_RULE = "must be 1 to 64 letters, digits or any of . _ -, beginning with a letter or digit"

TOLD = [
    "3: server.keys[0].hash: must be sha256: and 64 lower-case hex digits",
    "3: server.keys[0].scops: is an unknown key; did you mean `scopes`?",
    "4: server.keys[1].routes[0]: there is no route `nope`",
    "5: server.drain: must be a duration",
    "7: upstreams.openai.api_key: the environment variable NOT_SET is not set",
    "8: upstreams.odd.provider: must be one of 'openai', 'gemini', 'litellm', 'simulated'",
    "9: upstreams.bad.base_url: must begin with http:// or https://",
    "13: routes.solver.variants.tuned.price.input: must be a number",
    "14: routes.solver.variants.base.foo: is an unknown key",
    "14: routes.solver.variants.base.upstream: there is no upstream `opneai`",
    "15: routes.solver.sticky[0]: must be header, metadata.FIELD",
    "18: routes.solver.segments[0].when.dificulty: is an unknown key; did you mean `difficulty`?",
    "18: routes.solver.segments[0].when.difficulty.gte: must be a number",
    "21: routes.solver.segments[0].rollout.candidate: the route has no variant `tunde`",
    "22: routes.solver.segments[0].rollout.stages[1]: the stages must rise",
    "22: routes.solver.segments[0].rollout.stages[2]: must be a weight",
    "23: routes.solver.segments[0].rollout.guardrails.validation_passed.aplha: is an unknown key; did you",
    "23: routes.solver.segments[0].rollout.guardrails.validation_passed.margin: `harm` (5pt) must be below",
    "25: routes.solver.segments[1].weights: must sum to 100%; they sum to 90%",
    "26: routes.solver.fallbacks[0]: the route has no variant `gemini`",
    "28: routes.solver.retries: is given twice; the first is on line 27",
]


def test_every_mistake_is_told_at_once_with_its_path_and_line() -> None:
    told = mistakes(FAULTY)
    assert len(told) == len(TOLD)
    for line, expected in zip(sorted(told), sorted(TOLD), strict=True):
        assert line.startswith(expected)
    lines = [int(line.split(":")[0]) for line in told]
    assert lines == sorted(lines)


def test_no_value_of_the_file_is_echoed_where_a_secret_may_stand() -> None:
    assert "a-secret" not in "".join(mistakes(FAULTY))
    secret = "sk-canary 0123456789"
    text = f"""
        server: {{signing_keys: ["{secret[:20]}"]}}
        upstreams:
          a: {{provider: openai, api_key: "{secret}", headers: {{x-key: "{secret}é"}}, base_url: "{secret}"}}
          b: {{provider: openai, api_key: {{deep: "{secret}"}}, query: ["{secret}"]}}
        store: {{url: "{secret}"}}
        prometheus: {{url: "http://{secret}"}}
        passthrough: "{secret}"
        routes: {{r: {{variants: {{v: {{upstream: a, model: "{secret}"}}}}, variant: v}}}}
    """
    told = mistakes(text)
    assert len(told) >= 9
    assert "canary" not in "".join(told)


def test_what_follows_from_a_mistake_is_not_told() -> None:
    text = small("""
        segments:
          - {name: hard, whne: {difficulty: 3}, variant: base}
          - {name: rest, rollout: {baseline: base, candidate: tuned, stages: [ten]}}
        fallbacks: [other]
    """).replace("base: {upstream: openai, ", "other: {upstream: openai}\n      base: {upstream: openai, ")
    assert [line.split(": ")[1] for line in mistakes(text)] == [
        "routes.solver.variants.other.model",
        "routes.solver.segments[0].whne",
        "routes.solver.segments[1].rollout.stages[0]",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a: 1\n",
            [
                "1: a: is an unknown key",
                "1: routes: needs at least one route",
                "1: upstreams: needs at least one upstream",
            ],
        ),
        (
            "upstreams: {}\nroutes: []\n",
            ["1: upstreams: needs at least one upstream", "2: routes: must be a mapping of keys to values"],
        ),
        (
            "upstreams:\nroutes: {r: {variants: {}, variant: v}}\n",
            [
                "1: upstreams: must be a mapping of keys to values",
                "2: routes.r.variant: the route has no variant `v`",
                "2: routes.r.variants: needs at least one variant",
            ],
        ),
        (
            "upstreams: {a: {}}\nroutes: {r: 1}\n",
            [
                "1: upstreams.a.provider: is required: it says which kind this is",
                "2: routes.r: must be a mapping of keys to values",
            ],
        ),
        (
            "upstreams: {a: {provider: x}}\n"
            "routes: {r: {variants: {v: {upstream: a, model: m}}, weights: {v: 9}}}",
            [
                "1: upstreams.a.provider: must be one of 'openai', 'gemini', 'litellm', 'simulated'",
                "2: routes.r.weights: must sum to 100%; they sum to 9%",
            ],
        ),
        (
            "upstreams: {a/b: {provider: openai}}\nroutes: {r: {variants: {v: {upstream: c, model: m}}}}\n",
            [
                f"1: upstreams.a/b: {NAME_RULE}",
                "2: routes.r: needs one of `variant`, `weights`, `rollout`, `segments`",
                "2: routes.r.variants.v.upstream: there is no upstream `c`",
            ],
        ),
    ],
)
def test_a_file_that_is_hardly_one_is_told_what_it_lacks(text: str, told: list[str]) -> None:
    assert mistakes(text) == told


def test_problems_are_readable_one_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(small("retries: many\nsticky: 3"))
    assert str(caught.value).splitlines() == [
        "configuration:9: routes.solver.retries: must be a whole number",
        "configuration:10: routes.solver.sticky: must be a list",
    ]


def test_a_file_is_loaded_with_all_the_files_it_refers_to(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("\ufeffBe brief.", encoding="utf-8")
    (tmp_path / "ca.pem").write_text("certificate")
    (tmp_path / "order.json").write_text('{"type": "object"}')
    (tmp_path / "tasks.json").write_text('{"tasks": []}')
    path = tmp_path / "headgate.yaml"
    path.write_text("""
upstreams:
  openai: {provider: openai, ca_file: ca.pem}
  toy: {provider: simulated, book: ./tasks.json}
routes:
  r:
    variants:
      v: {upstream: openai, model: m, system: {file: prompt.txt}}
      w: {upstream: toy, model: m, system: {prepend: First.}}
    variant: v
    validators: [{type: json_schema, schema: ./order.json}, {type: json_schema, schema: {type: array}}]
""")
    found = load(path, {}, today=TODAY)
    assert set(found.files) == {
        tmp_path / name for name in ("headgate.yaml", "ca.pem", "tasks.json", "prompt.txt", "order.json")
    }
    route = found.config.routes["r"]
    system = route.variants["v"].system
    assert system is not None and (system.mode, system.text) == ("replace", "Be brief.")
    prepended = route.variants["w"].system
    assert prepended is not None and (prepended.mode, prepended.text) == ("prepend", "First.")
    first, second = route.validators
    assert first.type == second.type == "json_schema"
    assert (first.schema_.content, second.schema_.content) == ({"type": "object"}, {"type": "array"})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot read"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "must hold a JSON object"),
        (b"\xff", "is not UTF-8 text"),
        (b" " * (LARGEST + 1), "holds more than 1 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(content: bytes | None, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "order.json").write_bytes(content)
    (line,) = mistakes(
        small("variant: base\nvalidators:\n  - {type: json_schema, schema: order.json}"), base=tmp_path
    )
    assert line.startswith("11: routes.solver.validators[0].schema: ")
    assert told in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b" " * (LARGEST + 1), "is larger than 1 MiB"),
        (b"a: [", ":2: is not YAML"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(
    content: bytes | None, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "headgate.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value).startswith(str(path)) and told in str(caught.value)


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
        capture: {{content: true, retention: 1d, max_size: 1GiB}}
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


keys = st.sampled_from(
    [
        "upstreams",
        "routes",
        "r",
        "variants",
        "v",
        "provider",
        "model",
        "rollout",
        "stages",
        "when",
        "segments",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["openai", "v", "10%", "3s", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=150)
@given(st.dictionaries(keys, values, max_size=4))
def test_whatever_stands_in_a_file_is_valid_or_refused(content: dict[str, object]) -> None:
    try:
        parse(json.dumps(content), base=Path("/nowhere"), environ={})
    except ConfigError as error:
        assert error.problems
