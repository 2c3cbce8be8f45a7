from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.validators.regex import Regex
from routing.validators.verdict import Failed, Passed, Reason

NO_MATCH = Failed(Reason.NO_MATCH)


@pytest.mark.parametrize(
    ("pattern", "text", "search", "full"),
    [
        ("b", "abc", Passed(), NO_MATCH),
        ("abc", "abc", Passed(), Passed()),
        ("abc", "abc\n", Passed(), NO_MATCH),
        ("^abc$", "abc\n", Passed(), NO_MATCH),
        ("a|abc", "abc", Passed(), Passed()),
        ("ABC", "abc", NO_MATCH, NO_MATCH),
        ("(?i)ABC", "abc", Passed(), Passed()),
        ("a.c", "a\nc", NO_MATCH, NO_MATCH),
        ("(?s)a.c", "a\nc", Passed(), Passed()),
        (r"\d+", "٣", Passed(), Passed()),
        ("", "", Passed(), Passed()),
        ("", "x", Passed(), NO_MATCH),
    ],
)
def test_an_expression_is_found_or_matches_the_whole(
    pattern: str, text: str, search: object, full: object
) -> None:
    assert Regex(pattern).check(text) == Regex(pattern, "search").check(text) == search
    assert Regex(pattern, "full").check(text) == full


@given(st.text())
def test_what_matches_as_a_whole_is_found(text: str) -> None:
    for pattern in (r"\w*", r"[^a]+", r"\s?.?"):
        if Regex(pattern, "full").check(text) == Passed():
            assert Regex(pattern).check(text) == Passed()
