from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.document import LARGEST
from config.load import load, parse
from config.problems import ConfigError
from tests.unit.config.made import HASH, TODAY, loaded, mistakes, small

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
