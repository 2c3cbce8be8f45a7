"""Folds: what was copied stays together."""

from __future__ import annotations

import numpy as np

from gateway.training.folds import CROWD, folds_of, groups_of

TEXT = "Alice has n apples and gives every second one to Bob, who eats all but three before the evening comes"


def test_near_duplicates_and_named_rows_are_one_group() -> None:
    groups = groups_of(
        [TEXT, TEXT + " again", "something else altogether that shares no words", "short", "", "another one"],
        [None, None, "contest", None, None, "contest"],
    )
    assert groups[0] == groups[1] and groups[2] == groups[5]
    assert len(set(groups)) == 4


def test_what_a_crowd_shares_is_a_template() -> None:
    texts = [f"{TEXT} {at} {at * 7} {at * 13} {at * 17}" for at in range(CROWD + 10)]
    assert len(set(groups_of(texts, [None] * len(texts)))) == len(texts)


def test_every_row_is_judged_once_and_groups_are_not_parted() -> None:
    groups = np.array([at // 3 for at in range(60)])
    judged: list[int] = []
    for known, asked in folds_of(groups, 5):
        assert not set(groups[known]) & set(groups[asked])
        judged += list(asked)
    assert sorted(judged) == list(range(60))
    assert len(list(folds_of(np.array([0, 0, 1]), 5))) == 2
