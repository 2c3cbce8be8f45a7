"""Explicit difficulty: scales, validity, sources and strata."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.difficulty.explicit import explicit_score
from routing.difficulty.scales import converted, rating_of
from routing.snapshot import Difficulty
from tests.unit.routing.made import spread

CODEFORCES = Difficulty(
    sources=(("header", ""), ("metadata.rating", "rating"), ("metadata.level", "level")),
    strata=(1600, 2200, 2800),
)
BAEKJOON = Difficulty("baekjoon", 1, 30)
LABEL = Difficulty("label", 1, 3)


def score(header: bytes | None = None, difficulty: Difficulty = CODEFORCES, **metadata: Any):
    headers = {} if header is None else {b"x-headgate-difficulty": header}
    return explicit_score(difficulty, headers, {"metadata": metadata})


def test_the_header_comes_first() -> None:
    assert spread(score(b"2700", rating="900"))[:3] == (2700.0, "header", "2200-2800")
    assert spread(score(rating="900", level=3000))[:3] == (900.0, "metadata.rating", "lt1600")
    assert spread(score(level=3000))[:3] == (3000.0, "metadata.level", "ge2800")
    assert spread(score())[:3] == (None, "none", "none")


@pytest.mark.parametrize("value", [1800, 1800.0, "1800", " 1800 ", "1.8e3"])
def test_a_number_in_a_string_counts(value: object) -> None:
    found = score(rating=value)
    assert (found.value, found.invalid) == (1800.0, False)


INVALID = [
    math.nan, math.inf, "nan", "inf", "-inf", True, False, [1800], {"rating": 1800}, 799, 3501, "3501", -1,
    "1_800", "easy", "0x7", 10**400, "9" * 100, "1800 1900", "Gold III",
]  # fmt: skip


@pytest.mark.parametrize("value", INVALID)
def test_invalid_ratings_are_ignored_and_counted(value: object) -> None:
    found = score(rating=value)
    assert (found.value, found.source, found.stratum, found.invalid) == (None, "none", "none", True)
    assert spread(score(rating=value, level=1700))[:2] == (1700.0, "metadata.level")
    assert score(rating=value, level=1700).invalid


@pytest.mark.parametrize("header", [b"\xff", b"hard", b"1800,1900"])
def test_an_invalid_header_gives_way_to_metadata(header: bytes) -> None:
    found = score(header, rating=1800)
    assert (found.value, found.source, found.invalid) == (1800.0, "metadata.rating", True)


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_source_states_nothing(empty: object) -> None:
    assert not score(b"", rating=empty).invalid


def test_metadata_that_is_no_object() -> None:
    assert explicit_score(CODEFORCES, {}, {"metadata": [1800]}).value is None
    assert explicit_score(CODEFORCES, {}, {}).value is None


def test_the_default() -> None:
    difficulty = Difficulty(default=1500.0, strata=(1600,))
    assert spread(score(None, difficulty))[:5] == (1500.0, "default", "lt1600", 1, False)
    assert score(b"x", difficulty).invalid


@pytest.mark.parametrize(
    ("rating", "stratum", "index"),
    [(800, "lt1600", 1), (1599.9, "lt1600", 1), (1600, "1600-2200", 2), (2200, "2200-2800", 3),
     (2799, "2200-2800", 3), (2800, "ge2800", 4), (3500, "ge2800", 4)],
)  # fmt: skip
def test_strata(rating: float, stratum: str, index: int) -> None:
    found = score(rating=rating)
    assert (found.stratum, found.stratum_index) == (stratum, index)


def test_strata_names() -> None:
    assert Difficulty(strata=(0.5,)).labels == ("lt0.5", "ge0.5")
    assert Difficulty(strata=(1, 2.25, 3.0)).labels == ("lt1", "1-2.25", "2.25-3", "ge3")
    assert spread(score(b"2000", Difficulty()))[2:4] == ("none", 0)


@pytest.mark.parametrize(
    ("written", "tier"),
    [("Bronze V", 1), ("bronze i", 5), ("Silver V", 6), ("Gold III", 13), ("gold  3", 13), ("골드 3", 13),
     ("플래티넘 V", 16), ("Ruby I", 30), (1, 1), ("30", 30), (13.0, 13)],
)  # fmt: skip
def test_baekjoon(written: object, tier: float) -> None:
    assert rating_of(BAEKJOON, written) == tier


@pytest.mark.parametrize("value", ["Gold", "Gold VI", "III Gold", "Unrated", 0, 31, 13.5, "gold" * 50, True])
def test_what_is_no_tier(value: object) -> None:
    assert rating_of(BAEKJOON, value) is None


def test_labels() -> None:
    assert [rating_of(LABEL, word) for word in ("easy", "Medium", " HARD ")] == [1, 2, 3]
    assert rating_of(LABEL, "2") == 2
    assert rating_of(LABEL, "harder") is None and rating_of(LABEL, 4) is None


def test_a_range_of_ones_own() -> None:
    own = Difficulty("range", 0.0, 1.0)
    assert rating_of(own, 0.25) == 0.25 and rating_of(own, 1.5) is None and rating_of(own, "hard") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON, st.binary(max_size=80), st.sampled_from([CODEFORCES, BAEKJOON, LABEL]))
def test_explicit_difficulty_never_raises(value: Any, header: bytes, difficulty: Difficulty) -> None:
    sources = (("header", ""), ("metadata.rating", "rating"))
    wide = Difficulty(difficulty.scale, difficulty.minimum, difficulty.maximum, sources)
    found = explicit_score(wide, {b"x-headgate-difficulty": header}, {"metadata": {"rating": value}})
    assert found.value is None or wide.minimum <= found.value <= wide.maximum


@pytest.mark.parametrize(
    ("score", "scale", "bounds", "difficulty", "found"),
    [
        (2500.0, "codeforces", (800, 3500), CODEFORCES, 2500.0),
        (9000.0, "codeforces", (800, 3500), CODEFORCES, 3500.0),
        (16.0, "baekjoon", (1, 30), CODEFORCES, 1950.0),
        (1950.0, "codeforces", (800, 3500), BAEKJOON, 16.0),
        (16.0, "baekjoon", (1, 30), BAEKJOON, 16.0),
        (900.0, "codeforces", (800, 3500), LABEL, 1.0),
        (1400.0, "codeforces", (800, 3500), LABEL, 2.0),
        (2000.0, "codeforces", (800, 3500), LABEL, 3.0),
        (28.0, "baekjoon", (1, 30), LABEL, 3.0),
        (0.0, "gain", (-1, 1), Difficulty("range", 0, 10), 5.0),
        (5.0, "range", (0, 10), Difficulty("range", 0, 100), 50.0),
        (2150.0, "codeforces", (800, 3500), Difficulty("range", 0, 10), 5.0),
    ],
)
def test_a_score_finds_its_place_on_the_routes_scale(
    score: float, scale: str, bounds: tuple[float, float], difficulty: Difficulty, found: float
) -> None:
    assert converted(score, scale, *bounds, difficulty) == pytest.approx(found)
