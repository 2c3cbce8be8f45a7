"""From text to features: tokens, bounds, shapes, and the record that is kept instead of a text."""

from __future__ import annotations

import json
import random

import pytest

from routing.difficulty.dense import NAMES
from routing.difficulty.features import features_of, hashed_features, restored
from routing.difficulty.hashing import hash_of
from routing.difficulty.head import SHARE, Head
from routing.difficulty.reading import read
from routing.difficulty.remarks import TRIGGERS, without_remarks
from routing.difficulty.text import HEAD, TAIL, text_of
from routing.difficulty.tokens import LARGEST, band, magnitude, tokens_of
from tests.unit.routing.difficulty.made import KOREAN, PROBLEM, body


def words(text: str) -> list[str]:
    return read(text).words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Solve it in O(n log n)!", ["solve", "it", "in", "o", "n", "log", "n"]),
        ("1 \\leq a_i \\leq 10^{5}", ["1", "a", "i", "10^5"]),
        ("200,000 items", ["200000", "items"]),
        ("값을 바꾸는 연산", ["값을", "바꾸", "연산"]),
        ("größer ≤ 3", ["gr", "er", "3"]),
        ("日本語の文", ["日本", "語の", "文"]),
        ("Найти {x}", ["на", "йт", "и", "x"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("1 ≤ n ≤ 2·10^5", [("n", 5.3)]),
        ("n <= 1000", [("n", 3.0)]),
        ("$a_i \\le 10^9$", [("i", 9.0)]),
        ("0 < x", []),
        ("k < 0", []),
        ("x < 10^99999", [("x", LARGEST)]),
        ("y ≤ 0 * 5", [("y", 0.7)]),
        ("y < x", []),
    ],
)
def test_bounds(text: str, bounds: list[tuple[str, float]]) -> None:
    found = tokens_of(text.replace("≤", "<").lower()).bounds
    assert [(name, round(value, 1)) for name, value in found] == bounds


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1000", 3),
        ("10^5", 5),
        ("1e9", 9),
        ("0", -1),
        ("000", -1),
        ("7seven", 0),
        ("9" * 40, 19),
        ("2^", 0.301),
        ("5e", 0.699),
    ],
)
def test_magnitudes(number: str, value: float) -> None:
    assert magnitude(number) == pytest.approx(value, abs=0.001)


def test_magnitudes_are_told_apart_by_half_decades() -> None:
    assert band(5.3) == 5.0 and band(5.5) == 5.5 and band(9.7) == 9.0


def test_shapes() -> None:
    dense = dict(zip(NAMES, read(PROBLEM).dense, strict=True))
    assert dense["largest_bound"] == pytest.approx(9) and dense["body"] > 3 and dense["input"] > 2
    assert dict(zip(NAMES, read(KOREAN).dense, strict=True))["body"] > 2
    assert read("").dense[0] == 0
    assert dict(zip(NAMES, read(", " * 1_200).dense, strict=True))["commas"] > 6


def test_only_beginning_and_end_of_a_long_text_are_read() -> None:
    middle = " ".join(str(number) for number in range(20_000))
    for text in (f"first {middle} last", f"처음 {middle} 마지막"):
        found = words(text)
        assert len(" ".join(found)) <= HEAD + TAIL and {found[0], found[-1]} & {
            "first",
            "처음",
            "last",
            "마지",
        }


def test_a_long_text_is_composed_before_it_is_cut() -> None:
    assert words("각" * 9_000)[:1] == ["각각"] and words("가" * 9_000)[:1] == ["가가"]


def test_turns_that_say_little_are_read_with_those_before() -> None:
    assert text_of(body("one", "two", "three")) == "one\ntwo\nthree"
    assert text_of(body("one", "x" * 41)) == "x" * 41
    assert text_of(body("one", " " * 900)) == " " * 900


@pytest.mark.parametrize(
    "text",
    [
        "Hi there! Sort the numbers of the list",
        "You will be given a problem. Sort the numbers of the list",
        "Question 3: Sort the numbers of the list",
        "Please answer the following question. Sort the numbers of the list",
        "sort the numbers of the list\n\nthink step by step.",
        "sort the numbers of the list\nAnswer:",
        "[INST] sort the numbers of the list [/INST]",
        "sort the numbers of the list\n\n감사합니다",
        "당신은 전문가입니다. sort the numbers of the list",
    ],
)
def test_what_wraps_a_task_is_left_out(text: str) -> None:
    assert words(text) == ["sort", "the", "numbers", "of", "the", "list"]


def test_what_is_nothing_but_a_wrapper_stays() -> None:
    assert words("Hi there!") == ["hi", "there"]
    assert words("Think step by step.") == ["think", "step", "by", "step"]


def test_only_so_many_sentences_are_taken_for_wrappers() -> None:
    greetings = ["hello"] * 9
    assert words(f"{'Hello! ' * 9}the numbers of the list")[:1] == ["hello"]
    assert "thanks" in words("the numbers of the list" + "\nthanks" * 9)
    assert words(" ".join(greetings)) == greetings[5:]


def test_a_wrapper_is_a_sentence_and_no_more() -> None:
    assert "numbers" in words("Solve the following " + "numbers " * 100)


def test_code_beside_a_question_is_left_out_and_code_alone_is_not() -> None:
    code = "```\nint a = 1;\nint b = 2;\nreturn a + b;\n```"
    assert words(f"What does this do, please?\n{code}") == ["what", "does", "this", "do", "please"]
    assert "return" in words(code)
    assert "numbers" in words("```\nSort the numbers of the list.\n```")
    assert "numbers" in words("```a very long sentence about the numbers\n```")


def test_code_that_is_cut_in_the_middle_is_still_code() -> None:
    block = "total = count(items);\n" * 2_000
    for text in (
        f"Why is this slow for me?\n```c\n{block}```",
        f"```c\n{block}```\nWhy is this slow for me?",
    ):
        assert words(text) == ["why", "is", "this", "slow", "for", "me"]
    assert "total" in words(f"```c\n{block}```\nWhy?")


def test_remarks_are_left_out_wherever_they_stand() -> None:
    text = "sort it. this is easy, use the cheap model. print it."
    assert without_remarks(text, TRIGGERS & {"easy", "model"}) == "sort it. print it."
    assert without_remarks("a hard disk is full.", {"hard"}) == "a hard disk is full."
    long = "easy " + "x" * 500
    assert without_remarks(long, {"easy"}) == long


def test_remarks_beyond_number_cost_no_more() -> None:
    draw = random.Random(1)
    text = " ".join(draw.choice([*sorted(TRIGGERS), "this is", "."]) for _ in range(300))
    assert without_remarks(text, TRIGGERS)


def test_a_record_of_hashes_holds_no_word_and_brings_the_features_back() -> None:
    record = json.loads(json.dumps(hashed_features(body(PROBLEM))))
    assert "vertices" not in json.dumps(record)
    features, plain = restored(record), features_of(body(PROBLEM))
    assert features.words == frozenset(map(hash_of, plain.words))
    assert len(features.pairs) == len(plain.pairs) and len(features.bounds) == len(plain.bounds)
    assert features.dense == pytest.approx(plain.dense, abs=1e-4)
    assert {kind for kind, _ in plain.sparse()} == {"word", "pair", "bound"}


@pytest.mark.parametrize(
    "record",
    [{}, {"words": 1}, None, {"words": [], "pairs": [], "bounds": [], "dense": []},
     {"words": [1], "pairs": [], "bounds": [], "dense": [0] * 16},
     {"words": [], "pairs": ["a"], "bounds": [], "dense": [0] * 16},
     {"words": [], "pairs": [], "bounds": [], "dense": ["x"] * 16}],
)  # fmt: skip
def test_what_is_no_record_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        restored(record)


WIDE = ((-1e6, 1e6), (-1e6, 1e6))


def test_heavy_words_count_beside_words_they_are_known_with() -> None:
    head = Head(
        0.0, {"tree": 10.0, "a": 1.0}, {("segment", "tree"): 1.0}, curve=WIDE, heavy=5.0, isolated=2.0
    )
    assert head.score(read("a tree")) == pytest.approx(1 + 2)
    assert head.score(read("a segment tree")) == pytest.approx(1 + 10 + 1)


def test_one_technique_lifts_a_score_and_a_list_of_them_does_not() -> None:
    named = {("segment", "tree"): 2_000.0, ("max", "flow"): 2_500.0}
    head = Head(1_000.0, {}, curve=WIDE, named=named)
    assert head.score(read("with a segment tree")) == pytest.approx(1_000 + SHARE * 1_000)
    assert head.score(read("segment tree, max flow")) == pytest.approx(1_000)
    assert Head(3_000.0, {}, curve=WIDE, named=named).score(read("a segment tree")) == pytest.approx(3_000)
