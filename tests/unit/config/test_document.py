from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config import document
from config.document import LARGEST, Node, read
from config.problems import ConfigError


def as_written(text: str) -> str:
    return text


def plain(text: str) -> object:
    root, problems = read(text, as_written)
    assert not problems
    return root.plain()


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, as_written)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("off", "off"), ("yes", "yes"), ("y", "y"), ("True", True), ("false", False),
        ("010", "010"), ("0o17", "0o17"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("1:30", "1:30"),
        ("2026-11-21", "2026-11-21"), (".inf", ".inf"), (".nan", ".nan"), ("0", 0), ("-3", -3), ("+3", 3),
        ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.2.3", "1.2.3"), ("~", None),
        ("", None), ("null", None),
        ('"10"', "10"), ("'true'", "true"), ('""', ""), ("99999999999999999999", "99999999999999999999"),
        ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    found = plain(f"key: {written}\n")
    assert found == {"key": value}
    assert isinstance(found, dict) and type(found["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("- a\n", "must be a mapping"),
        ("a: 1\n---\nb: 2\n", ":2: holds a second document"),
        ("a:\n  b: !!python/object:os.system x\n", ":2: a.b: YAML tags are not allowed"),
        ("a: !x 1\n", ":1: a: YAML tags"),
        ("a: &x 1\nb: *x\n", ":1: a: YAML anchors and aliases"),
        ("a: *x\n", ":1: a: YAML anchors and aliases"),
        ("? [a]\n: 1\n", "a key must be text"),
        ("a: b: c\n", ":1: is not YAML"),
        ("a: [1,\n", "is not YAML"),
        ("a: \0\n", "control or invalid characters"),
        ("a: " + "[" * 100_000, "nested deeper than 48 levels"),
        ('{"a":' * 100_000, "nested deeper than 48 levels"),
        ("a" * (LARGEST + 1), "larger than 1 MiB"),
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_line(text: str, told: str) -> None:
    assert told in refusal(text)


def test_a_key_given_twice_is_told_and_the_first_kept() -> None:
    root, problems = read("a:\n  b: 1\n  b: 2\n", as_written)
    (problem,) = problems.values()
    assert (problem.path, problem.line) == ("a.b", 3)
    assert "line 2" in problem.message
    assert root.plain() == {"a": {"b": 1}}


def test_every_value_knows_its_line() -> None:
    root, _ = read("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", as_written)
    lines = {node.path: node.line for node in root.descendants()}
    assert lines == {
        (): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 4, ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
    }  # fmt: skip


texts = st.text(st.sampled_from("ab:-[]{},#&*!|>'\"%@`?\n $0.~é\u2028"), max_size=40)


def outcome(text: str) -> object:
    try:
        root, problems = read(text, as_written)
    except ConfigError as error:
        return [problem.line is None for problem in error.problems]
    return root.plain(), [problem.path for problem in problems.values()]


@given(texts)
def test_any_text_is_read_or_refused(text: str) -> None:
    outcome(text)


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML comes without libyaml here")
@pytest.mark.parametrize(
    "text",
    [
        "a: [1, {b: 'c'}]\n",
        "a: |\n  x\n  y\nb: >\n  z\n",
        "a:\n- 1\n-\n- ~\n",
        'é: "\\u00e9 \\n"\n',
        "a: 'b'': c'\n",
    ],
)
def test_both_of_yamls_parsers_read_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def tree(node: Node) -> object:
        return [(it.path, it.line, it.value if not it.children() else None) for it in node.descendants()]

    with_c = tree(read(text, as_written)[0])
    monkeypatch.setattr(document, "_Loader", yaml.SafeLoader)
    assert tree(read(text, as_written)[0]) == with_c


def test_numbers_are_finite() -> None:
    value = plain("a: 1e99\n")
    assert isinstance(value, dict) and math.isfinite(value["a"])
