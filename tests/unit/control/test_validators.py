"""What holds for every validator: registering one is enrolling it here."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from config import validators
from config.load import parse
from gateway.validation.registry import VALIDATORS, make
from gateway.validation.rules import rules_of
from gateway.validation.wire import Reply, Rule, Rules, decode_reply, frame
from routing.validators.verdict import Failed, Passed, Reason, Skipped, Verdict

CONFIGURED = """
upstreams: {{s: {{provider: simulated}}}}
routes:
  r: {{variants: {{v: {{upstream: s, model: m}}}}, variant: v, validators: [{}]}}
"""
EXAMPLES = {
    "json": ("{type: json}", "{}", "{"),
    "json_schema": ("{type: json_schema, schema: {type: array, maxItems: 2}}", "[1]", "[1, 2, 3]"),
    "one_of": (
        '{type: one_of, values: [spam, ham], path: "$.label"}',
        '{"label": "ham"}',
        '{"label": "eggs"}',
    ),
    "regex": ("{type: regex, pattern: ^a+$, match: full}", "aaa", "aab"),
    "code_block": ("{type: code_block, language: py}", "```python\nx\n```", "x"),
}
"""A configuration of each type, an answer that passes and one that fails."""


def compiled(*written: str) -> Rules:
    config = parse(CONFIGURED.format(", ".join(written)), base=Path("/nowhere"), environ={}).config
    return rules_of(config.routes["r"])


def models() -> dict[str, type[BaseModel]]:
    union = get_args(get_args(validators.Validator)[0])
    found = [get_args(part)[0] for part in union]
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in found}


def test_every_type_of_the_configuration_is_registered_and_tested() -> None:
    assert set(models()) == set(VALIDATORS) == set(EXAMPLES) == set(validators.VALIDATORS)


@pytest.mark.parametrize("name", VALIDATORS)
def test_a_validator_takes_the_keys_of_its_configuration(name: str) -> None:
    module, _, found = VALIDATORS[name].partition(":")
    keys = {info.alias or key for key, info in models()[name].model_fields.items()} - {"type"}
    assert set(inspect.signature(getattr(import_module(module), found)).parameters) == keys


@pytest.mark.parametrize("name", VALIDATORS)
def test_a_validator_judges_as_configured(name: str) -> None:
    written, good, bad = EXAMPLES[name]
    (rule,) = compiled(written).items()
    validator = make(rule)
    assert validator.check(good) == validator.check(good) == Passed()
    assert isinstance(validator.check(bad), Failed)


TEXT = (
    st.text()
    | st.text("`~> -1.\n\"'{}[]:,abcxyz냉면\\")
    | st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text("label"), inner)
    ).map(json.dumps)
)


@pytest.mark.parametrize("name", VALIDATORS)
@given(text=TEXT)
def test_whatever_the_text_a_validator_answers_and_stays_with_it(name: str, text: str) -> None:
    (rule,) = compiled(EXAMPLES[name][0]).items()
    verdict = make(rule).check(text)
    assert verdict.passed is (verdict == Passed())
    assert make(rule).check(text) == verdict


def test_rules_are_equal_when_they_were_configured_alike() -> None:
    one, same, other = (
        compiled("{type: json}"),
        compiled("{type: json}"),
        compiled("{type: json}, {type: json}"),
    )
    assert (one, hash(one)) == (same, hash(same)) and one != other
    assert (one.count, other.count) == (1, 2)
    assert pickle.loads(pickle.dumps(other)) == other


def test_a_schema_from_a_file_and_any_number_in_it_arrive(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text(f'{{"maximum": {2**80}, "title": "주문"}}')
    text = CONFIGURED.format("{type: json_schema, schema: order.json}")
    (rule,) = rules_of(parse(text, base=tmp_path, environ={}).config.routes["r"]).items()
    assert json.loads(rule.options["schema"]) == {"maximum": 2**80, "title": "주문"}
    assert make(rule).check("5") == Passed()


@pytest.mark.parametrize("verdict", [Passed(), *map(Failed, Reason), *map(Skipped, Reason)], ids=str)
def test_a_verdict_survives_its_journey(verdict: Verdict) -> None:
    sent = frame(Reply.of(verdict))
    assert decode_reply(sent[4:]).verdict() == verdict
    assert int.from_bytes(sent[:4], "big") == len(sent) - 4


def test_reasons_are_words_for_labels() -> None:
    assert all(re.fullmatch("[a-z_]{1,20}", reason) for reason in Reason)


def test_options_travel_as_they_are() -> None:
    options: dict[str, Any] = {"values": ("a", "냉면"), "path": None, "trim": True}
    (rule,) = Rules.of([Rule("one_of", options)]).items()
    assert rule.options == options | {"values": ["a", "냉면"]}
