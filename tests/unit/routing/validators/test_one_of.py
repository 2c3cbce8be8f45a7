from __future__ import annotations

import json
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.validators.one_of import OneOf
from routing.validators.verdict import Failed, Passed, Reason

LABELS = ("delivery_delay", "refund", "배송 지연")
OTHER = Failed(Reason.NOT_IN_VALUES)
NOTHING = Failed(Reason.NOTHING_SELECTED)
NO_STRING = Failed(Reason.NOT_A_STRING)
PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("refund", Passed()),
        (" refund\n", Passed()),
        ("Refund", OTHER),
        ("refund.", OTHER),
        ('"refund"', OTHER),
        ("", OTHER),
        ("refund, delivery_delay", OTHER),
    ],
)
def test_the_whole_answer_is_among_the_values(text: str, verdict: object) -> None:
    assert OneOf(LABELS).check(text) == verdict


def test_trimming_and_case_are_choices() -> None:
    assert OneOf(LABELS, trim=False).check("refund\n") == OTHER
    assert OneOf(LABELS, ignore_case=True).check("REFUND") == Passed()
    assert OneOf(["Straße"], ignore_case=True).check("STRASSE") == Passed()
    assert OneOf([" spaced "]).check("spaced") == Passed()
    assert OneOf([" spaced "], trim=False).check(" spaced ") == Passed()


@pytest.mark.parametrize("ignore_case", [True, False])
def test_korean_written_in_syllables_equals_korean_written_in_letters(ignore_case: bool) -> None:
    for written, configured in [("NFD", "NFC"), ("NFC", "NFD")]:
        value = normalize(configured, "배송 지연")
        assert OneOf([value], ignore_case=ignore_case).check(normalize(written, "배송 지연")) == Passed()


@pytest.mark.parametrize(
    ("path", "document", "verdict"),
    [
        ("$.label", {"label": "refund"}, Passed()),
        ("$.label", {"label": " refund "}, Passed()),
        ("$.label", {"label": "other"}, OTHER),
        ("$.label", {"label": 1}, NO_STRING),
        ("$.label", {"label": None}, NO_STRING),
        ("$.label", {"label": ["refund"]}, NO_STRING),
        ("$.label", {}, NOTHING),
        ("$.label", "refund", NOTHING),
        ("$", "refund", Passed()),
        ("$", "{", OTHER),
        ("$.label", '{"label": "refund"}', NOTHING),
        ("$[*].label", [{"label": "refund"}, {"label": "delivery_delay"}], Passed()),
        ("$[*].label", [{"label": "refund"}, {"label": "other"}], OTHER),
        ("$[*].label", [{"label": "refund"}, {}], Passed()),
        ("$[*].label", [], NOTHING),
        ("$.a.b[0]", {"a": {"b": ["refund", "other"]}}, Passed()),
        ("$.결과['분류']", {"결과": {"분류": "배송 지연"}}, Passed()),
        ("$..label", {"a": [{"label": "refund"}], "label": "refund"}, Passed()),
        ("$[?@.sure == true].label", [{"sure": True, "label": "refund"}, {"label": "x"}], Passed()),
    ],
)
def test_all_that_the_path_selects_is_among_the_values(path: str, document: object, verdict: object) -> None:
    assert OneOf(LABELS, path).check(json.dumps(document)) == verdict


def test_an_answer_that_is_no_json_has_nothing_to_select_from() -> None:
    assert OneOf(LABELS, "$.label").check("refund") == Failed(Reason.NOT_JSON)
    assert OneOf(LABELS, "$").check('```\n"refund"\n```') == Failed(Reason.FENCED)


def test_what_is_nested_too_deeply_for_the_path_fails() -> None:
    deep = "[" * 1000 + "]" * 1000
    assert OneOf(LABELS, "$..label").check(deep) == Failed(Reason.PATH_FAILED)
    pair = f'[{{"a": {deep}, "b": {deep}}}]'
    assert OneOf(LABELS, "$[?@.a == @.b].c").check(pair) == Failed(Reason.PATH_FAILED)


@given(PLAIN_TEXT, st.booleans(), st.booleans())
def test_a_value_is_always_one_of_itself(value: str, trim: bool, ignore_case: bool) -> None:
    assert OneOf([value], None, trim, ignore_case).check(value) == Passed()
    assert OneOf([value], "$[0]", trim, ignore_case).check(json.dumps([value])) == Passed()


@given(PLAIN_TEXT)
def test_the_normal_form_does_not_matter(value: str) -> None:
    for ignore_case in (True, False):
        validator = OneOf([value], ignore_case=ignore_case)
        assert validator.check(normalize("NFC", value)) == Passed()
        assert validator.check(normalize("NFD", value)) == Passed()


@given(st.text(st.characters(max_codepoint=0x17F)))
def test_case_does_not_matter_when_it_is_ignored(value: str) -> None:
    assert OneOf([value], ignore_case=True).check(value.casefold()) == Passed()
