from __future__ import annotations

import pytest

from config import names
from config.names import hash_collisions, name_hash
from tests.unit.config.made import HASH, SMALL, mistakes, small

PLAN = "baseline: base, candidate: tuned, stages: [10, 50, 100]"
SHARED = "store: {url: redis://localhost}\n"
KEYS = "server:\n  keys:\n"


def key(name: str, rest: str = "", hash: str = HASH) -> str:
    return f"    - {{name: {name}, hash: '{hash}'{rest}}}\n"


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("retries: 1", "5: routes.solver: needs one of `variant`, `weights`, `rollout`, `segments`"),
        ("variant: bsae", "9: routes.solver.variant: the route has no variant `bsae`"),
        ("variant: base\nweights: {base: 100}", "10: routes.solver.weights: there is `variant` already"),
        (
            "variant: base\nsegments: [{name: all, variant: base}]",
            "9: routes.solver.variant: belongs into a segment",
        ),
        ("segments: []", "9: routes.solver.segments: needs at least one segment"),
        ("segments: [{name: all}]", "9: routes.solver.segments[0]: needs one of `variant`, `weights`"),
        (
            "segments:\n- {name: a, variant: base}\n- {name: b, variant: base}",
            "10: routes.solver.segments[0]: needs `when`: only the last segment",
        ),
        (
            "segments: [{name: a, when: {percent: 20}, variant: base}]",
            "9: routes.solver.segments[0].when: the last segment takes all that is left",
        ),
        (
            "segments: [{name: a, when: {}, variant: base}, {name: b, variant: base}]",
            "9: routes.solver.segments[0].when: needs at least one condition",
        ),
        (
            "segments: [{name: a, when: {percent: 20}, variant: base}, {name: a, variant: base}]",
            "9: routes.solver.segments[1].name: another segment is called `a` already",
        ),
        (
            "weights: {base: 50, tuned: 49.99}",
            "9: routes.solver.weights: must sum to 100%; they sum to 99.99%",
        ),
        (
            "weights: {base: 50, other: 50}",
            "9: routes.solver.weights.other: the route has no variant `other`",
        ),
        ("cascade: {first: base, then: tuned}", "9: routes.solver.cascade: needs `validators` on the route"),
        (
            "cascade: {first: base, then: base}\nvalidators: [{type: json}]",
            "9: routes.solver.cascade.then: must differ from `first`",
        ),
        (
            "variant: base\nshadow: {variant: base, percent: 5}",
            "10: routes.solver.shadow.variant: `base` serves here already; a shadow is another variant",
        ),
        (
            f"rollout: {{{PLAN}}}\nshadow: {{variant: base, percent: 5}}",
            "10: routes.solver.shadow.variant: `base` serves here already",
        ),
        (
            "weights: {base: 90, tuned: 10}\nshadow: {variant: tuned, percent: 5}",
            "10: routes.solver.shadow.variant: `tuned` serves here already",
        ),
        (
            "cascade: {first: base, then: tuned}\nvalidators: [{type: json}]\n"
            "shadow: {variant: base, percent: 5}",
            "11: routes.solver.shadow.variant: `base` serves here already",
        ),
        (
            "variant: base\nshadow: {variant: other, percent: 5}",
            "10: routes.solver.shadow.variant: the route has no variant `other`",
        ),
        (
            "segments: [{name: a, variant: base}]\nshadow: {variant: tuned, percent: 5}",
            "10: routes.solver.shadow: belongs into a segment",
        ),
        ("variant: base\nshadow: {variant: tuned}", "10: routes.solver.shadow.percent: "),
        ("variant: base\nshadow: {variant: tuned, percent: 101}", "10: routes.solver.shadow.percent: "),
        (
            "variant: base\nshadow: {variant: tuned, percent: 5, concurrency: 0}",
            "10: routes.solver.shadow.concurrency: ",
        ),
        (
            "variant: base\nfallbacks: [tuned, tuned]",
            "10: routes.solver.fallbacks[1]: `tuned` is listed already",
        ),
        ("variant: base\nvalidation: gateway", "10: routes.solver.validation: gateway needs `validators`"),
        (
            "variant: base\ndifficulty: {strata: [2200, 1600]}",
            "10: routes.solver.difficulty.strata: must rise",
        ),
        (
            "variant: base\ndifficulty: {strata: [4000]}",
            "10: routes.solver.difficulty.strata[0]: must lie within the scale, 800 to 3500",
        ),
        (
            "variant: base\ndifficulty: {scale: {min: 0, max: 1}, default: 2}",
            "10: routes.solver.difficulty.default: must lie within the scale, 0 to 1",
        ),
        (
            "variant: base\ndifficulty: {scale: {min: 1, max: 1}}",
            "10: routes.solver.difficulty.scale: needs a `min` below its `max`",
        ),
        (
            "variant: base\ndifficulty: {from: [body]}",
            "10: routes.solver.difficulty.from[0]: must be header or",
        ),
        (
            "variant: base\ndifficulty: {estimate: x}",
            "10: routes.solver.difficulty.estimate: must be none, heuristic, or",
        ),
        (
            "variant: base\ndifficulty: {scale: elo}",
            "10: routes.solver.difficulty.scale: must be 'codeforces'",
        ),
        (
            f"rollout: {{{PLAN}, guardrails: {{errors: }}}}",
            "9: routes.solver.rollout.guardrails.errors: must be off",
        ),
        ("variant: base\nnames: [solver]", "10: routes.solver.names[0]: `solver` already belongs"),
        ("variant: base\nnames: [gpt-5, gpt-5]", "10: routes.solver.names[1]: `gpt-5` already belongs"),
        (f"rollout: {{{PLAN}, outcome_ttl: 1h}}", "9: routes.solver.rollout.outcome_ttl: must not be below"),
        (f"rollout: {{{PLAN}, holdout: 100%}}", "9: routes.solver.rollout.holdout: must be below 100%"),
        (
            "rollout: {baseline: base, candidate: base, stages: [10]}",
            "9: routes.solver.rollout.candidate: must differ from `baseline`",
        ),
        (
            "rollout: {baseline: base, candidate: tuned, stages: []}",
            "9: routes.solver.rollout.stages: needs at least one",
        ),
        (
            "rollout: {baseline: base, candidate: tuned, stages: [10, 10]}",
            "9: routes.solver.rollout.stages[1]: the stages must rise",
        ),
        (
            "rollout: {baseline: base, candidate: tuned, stages: [{weight: 10, max_duration: 1h}]}",
            "9: routes.solver.rollout.stages[0]: `min_duration` is above `max_duration`, 1h",
        ),
        (
            "rollout: {baseline: base, candidate: tuned, stages: [{weight: 0}, 20, 100]}",
            "9: routes.solver.rollout.stages[0]: a stage's weight must be above 0",
        ),
        (
            f"rollout: {{{PLAN}, guardrails: {{errors: {{harm: 1pt}}}}}}",
            "9: routes.solver.rollout.guardrails.errors.harm: `harm` (1pt) must be below `margin` (1pt)",
        ),
        (
            f"rollout: {{{PLAN}, guardrails: {{prometheus: [{{name: q, query: up, min: 1}}]}}}}",
            "9: routes.solver.rollout.guardrails.prometheus: needs the address of a Prometheus server",
        ),
    ],
)
def test_what_does_not_fit_within_a_route_is_told(rest: str, told: str) -> None:
    (line,) = mistakes(small(rest))
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("[{name: q, query: up}]", "[0]: needs `min` or `max`"),
        ("[{name: q, query: up, min: 2, max: 1}]", "[0].min: must not be above `max`"),
        (
            "[{name: q, query: up, min: 2}, {name: q, query: up, max: 1}]",
            "[1].name: another query is called `q`",
        ),
    ],
)
def test_promql_guardrails_need_bounds_and_names(query: str, told: str) -> None:
    text = small(f"rollout: {{{PLAN}, guardrails: {{prometheus: {query}}}}}")
    (line,) = mistakes("prometheus: {url: http://prometheus:9090}\n" + text)
    assert f"guardrails.prometheus{told}" in line


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (
            KEYS + key("a") + key("a", hash=HASH[:-1] + "0"),
            "4: server.keys[1].name: is the same as that of entry 1",
        ),
        (KEYS + key("a") + key("b"), "4: server.keys[1].hash: is the same as that of entry 1"),
        (KEYS + key("a", ", scopes: []"), "3: server.keys[0].scopes: needs at least one scope"),
        (KEYS + key("a", ", scopes: [root]"), "3: server.keys[0].scopes[0]: must be 'chat', 'outcomes'"),
        (
            KEYS + key("a", ", routes: [solver, other]"),
            "3: server.keys[0].routes[1]: there is no route `other`",
        ),
        (SHARED, "1: server.signing_keys: a shared store needs one"),
        (SHARED + "server: {signing_keys: [short]}\n", "2: server.signing_keys[0]: must have 32 characters"),
        (
            "store: {url: mysql://x}\n",
            "1: store.url: must begin with redis:// or redis+sentinel:// or rediss://, or be sqlite",
        ),
        (
            'store: {url: "redis+sentinel://a,:1/main"}\n',
            "1: store.url: must name a host, and a port above 0 if any, or be sqlite",
        ),
        ("passthrough: {upstream: other}\n", "1: passthrough.upstream: there is no upstream `other`"),
        (
            "passthrough: {upstream: openai, paths: [organization]}\n",
            "1: passthrough.paths[0]: is never passed through",
        ),
        (
            "passthrough: {upstream: openai, paths: [a/b]}\n",
            "1: passthrough.paths[0]: must be the first part of a path",
        ),
    ],
)
def test_what_does_not_fit_around_the_routes_is_told(before: str, told: str) -> None:
    lines = [line for line in mistakes(before + small("variant: base")) if not line.startswith("0")]
    assert [line.startswith(told) for line in lines] == [True], lines


def test_passthrough_goes_to_an_openai_upstream() -> None:
    text = small("variant: base").replace(
        "routes:", "  toy: {provider: simulated}\npassthrough: {upstream: toy}\nroutes:"
    )
    (line,) = mistakes(text)
    assert line.startswith("5: passthrough.upstream: must be an upstream of the provider openai")


def test_a_public_name_belongs_to_one_route() -> None:
    other = "  other: {names: [gpt-5, solver], variants: {v: {upstream: openai, model: m}}, variant: v}\n"
    assert [line.split(": ")[1] for line in mistakes(small("variant: base\nnames: [gpt-5]") + other)] == [
        "routes.other.names[0]",
        "routes.other.names[1]",
    ]


@pytest.mark.parametrize(
    ("variant", "told"),
    [
        ("{upstream: openai, model: m, system: {}}", "system: needs exactly one of"),
        ("{upstream: openai, model: m, system: {replace: a, prepend: b}}", "system: needs exactly one of"),
        (
            "{upstream: openai, model: m, parameters: {n: 1}, override: {n: 2}}",
            "override.n: is in `parameters` too",
        ),
        ("{upstream: openai, model: m, override: {model: x}}", "override.model: is set by the gateway"),
        ("{upstream: openai, model: 'a b'}", "model: must be 1 to 256 letters"),
        ("{upstream: openai, model: m, price: {input: -1}}", "price.input: must be at least 0"),
        ("{upstream: openai, model: m, drop: ['']}", "drop[0]: must be the name of a request field"),
        ("{upstream: translated, model: m}", "model: must be litellm's name, vendor/model"),
        ("{upstream: native, model: openai/m}", "model: must be the name of a Gemini model"),
    ],
)
def test_what_does_not_fit_within_a_variant_is_told(variant: str, told: str) -> None:
    text = f"""
        upstreams: {{openai: {{provider: openai}}, translated: {{provider: litellm}},
            native: {{provider: gemini, api: native}}}}
        routes: {{r: {{variants: {{v: {variant}}}, variant: v}}}}
    """
    (line,) = mistakes(text)
    assert line.startswith(f"4: routes.r.variants.v.{told}")


@pytest.mark.parametrize(
    ("upstream", "told"),
    [
        ("{provider: openai, base_url: 'http://a b'}", "base_url: must be a URL without spaces"),
        ("{provider: openai, base_url: 'http://u:p@host/v1'}", "base_url: must not hold credentials"),
        ("{provider: openai, base_url: 'http://host/v1?a=1'}", "base_url: must not hold a query"),
        ("{provider: openai, base_url: 'http://host/v1#x'}", "base_url: must not hold a query or a fragment"),
        ("{provider: openai, base_url: 'http://host:99999/v1'}", "base_url: is not a URL"),
        ("{provider: openai, base_url: 'http:///v1'}", "base_url: must name a host"),
        ("{provider: openai, headers: {host: x}}", "headers.host: is set by the gateway itself"),
        ("{provider: openai, headers: {'a b': x}}", "headers.a b: is not an HTTP header name"),
        ('{provider: openai, headers: {a: "x\\ny"}}', "headers.a: must be printable ASCII on one line"),
        ('{provider: openai, api_key: "x\\ny"}', "api_key: must be printable ASCII without spaces"),
        ("{provider: openai, ca_file: /no/such/file}", "ca_file: cannot read /no/such/file"),
        ("{provider: openai, ca_file: 3}", "ca_file: must be the path of a file"),
        ("{provider: simulated, latency: {median: 2s, p95: 1s}}", "latency.p95: must not be below `median`"),
        ("{provider: simulated, pass_rate: {}}", "pass_rate: needs at least one rating"),
        ("{provider: simulated, pass_rate: {hard: 1%}}", "pass_rate: must map ratings to percentages"),
        ("{provider: simulated, tokens_per_second: -1}", "tokens_per_second: must be at least 0"),
    ],
)
def test_what_does_not_fit_within_an_upstream_is_told(upstream: str, told: str) -> None:
    (line,) = mistakes(SMALL.replace("{provider: openai, api_key: a-key}", upstream) + "    variant: base\n")
    assert line.startswith(f"3: upstreams.openai.{told}")


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("{header.authorization: x}", "header.authorization: is a credential and may not be a condition"),
        ("{header.: x}", "header.: is not an HTTP header name"),
        ("{metadata.: x}", "metadata.: is an unknown key"),
        ("{difculty: 3}", "difculty: is an unknown key; did you mean `difficulty`?"),
        ("{difficulty: [1, 2]}", "difficulty: must be one value, or {in: [...]}"),
        ("{difficulty: {}}", "difficulty: needs an operator"),
        ("{difficulty: {above: 3}}", "difficulty.above: is an unknown key"),
        ("{has: wings}", "has.eq: must be 'tools', 'images' or 'json_schema'"),
        ("{metadata.a: {eq: {}}}", "metadata.a.eq: must be a text, a number, true or false"),
        ("{language: {in: []}}", "language.in: needs at least 1 of them"),
        ("{percent: 101}", "percent: must lie between 0 and 100 percent"),
        ("{gain: {top: 20}}", "gain.top: must be a percentage with its sign"),
        ("{tokens: {gte: 1e999}}", "tokens.gte: must be a number"),
    ],
)
def test_what_does_not_fit_within_conditions_is_told(when: str, told: str) -> None:
    text = small(f"segments:\n- {{name: a, when: {when}, variant: base}}\n- {{name: b, variant: base}}")
    (line,) = mistakes(text)
    if "." in told.split(":")[0] and not line.startswith(f"10: routes.solver.segments[0].when.{told}"):
        told = told.replace(".eq:", ":")  # a bare value stands at the subject itself
    assert line.startswith(f"10: routes.solver.segments[0].when.{told}")


@pytest.mark.parametrize(
    ("validator", "told"),
    [
        ("{}", "type: is required"),
        ("{type: xml}", "type: must be one of 'json', 'json_schema', 'one_of', 'regex', 'code_block'"),
        ("{type: regex, pattern: '('}", "pattern: is not a regular expression"),
        ("{type: one_of, values: []}", "values: needs at least 1 of them"),
        ("{type: code_block}", "language: is required"),
        ("{type: json_schema}", "schema: is required"),
    ],
)
def test_what_does_not_fit_within_a_validator_is_told(validator: str, told: str) -> None:
    (line,) = mistakes(small(f"variant: base\nvalidators: [{validator}]"))
    assert line.startswith(f"10: routes.solver.validators[0].{told}")


def test_the_hash_of_a_name_never_changes() -> None:
    assert name_hash("solver") == 0xFCCDF730


def test_names_whose_hashes_collide_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "name_hash", len)
    assert list(hash_collisions(["ab", "cd", "ab", "efg"])) == [("cd", "ab")]
    server = KEYS + key("a", ", application: xx") + key("b", ", application: yy", HASH[:-1] + "0")
    model = "{upstream: openai, model: m}"
    rest = f"  sorter: {{variants: {{one: {model}, two: {model}}}, variant: one}}\n"
    text = small("""
        segments:
          - {name: p, when: {percent: 5}, variant: base}
          - {name: q, variant: base}
    """)
    told = [line.split(": ", 1)[1] for line in mistakes(server + text + rest)]
    assert [line.split(":")[0] for line in told] == [
        "server.keys[1].application",
        "routes.solver.segments[1].name",
        "routes.sorter",
        "routes.sorter.variants.two",
    ]
    assert all("has the same 32-bit hash as" in line for line in told)
