"""Names of techniques, and the rating of the problems that their judges tag with them.

A statement seldom names what solves it; where a request does ("with a segment tree"), that says more than the
rest.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from routing.difficulty.line import at, inverse
from routing.difficulty.scales import BAEKJOON
from routing.difficulty.tokens import tokens_of
from tests.bench.difficulty.data import read
from tests.bench.difficulty.sources import even

LEAST = 5
"""Problems that a tag must have."""
NAMES = {
    "세그먼트 트리": "segment tree, fenwick tree, binary indexed tree, persistent tree, "
    "세그먼트 트리, 펜윅 트리, 구간 트리",
    "flows": "max flow, network flow, min cut, 최대 유량, 최소 컷, 네트워크 플로우",
    "graph matchings": "bipartite matching, maximum matching, 이분 매칭, 최대 매칭",
    "string suffix structures": "suffix array, suffix automaton, suffix tree, aho corasick, 접미사 배열, "
    "접미사 트리, 아호 코라식",
    "fft": "fast fourier, 고속 푸리에",
    "divide and conquer": "centroid decomposition, heavy light, sqrt decomposition, link cut, "
    "센트로이드 분할, 제곱근 분할",
    "geometry": "convex hull, 볼록 껍질",
    "matrices": "matrix exponentiation, gaussian elimination, 가우스 소거",
    "games": "sprague grundy, game theory, grundy number, 게임 이론, 스프라그 그런디",
    "combinatorics": "mobius inversion, inclusion exclusion, 뫼비우스 반전, 포함 배제",
    "dp": "dynamic programming, bitmask dp, digit dp, knapsack problem, 동적 계획법, 다이나믹 프로그래밍",
    "dsu": "disjoint set, union find, 분리 집합, 유니온 파인드",
    "shortest paths": "floyd warshall, bellman ford, 플로이드 워셜, 벨만 포드",
    "dfs and similar": "topological sort, graph theory, 위상 정렬, 그래프 이론",
    "number theory": "modular inverse, chinese remainder, primitive root, modular arithmetic",
}
"""By tag, how people write it; the first two words matter. What statements say anyway is left out."""


def techniques(path: Path) -> dict[str, dict[str, float]]:
    """By task, two words as the tokeniser cuts them and their rating in the units of the task's head."""
    ratings = _ratings(path)
    english: dict[str, float] = {}
    for tag, names in NAMES.items():
        for name in names.split(", "):
            pair = " ".join(tokens_of(name).words[:2])
            english[pair] = round(ratings[tag])
    korean = {pair: round(even(at(inverse(BAEKJOON), rating))) for pair, rating in english.items()}
    return {"competitive-en": english, "competitive-ko": korean}


def _ratings(path: Path) -> dict[str, float]:
    """The mean rating of each tag's problems."""
    by_tag: dict[str, list[float]] = {}
    for row in read(path, "codeforces_rated"):
        for tag in _tags(row["tags"]):
            by_tag.setdefault(tag, []).append(float(row["rating"]))
    for row in read(path, "baekjoon_tiers"):
        for tag in _tags(row["tags"]):
            by_tag.setdefault(tag, []).append(at(BAEKJOON, row["tier"]))
    return {tag: fmean(ratings) for tag, ratings in by_tag.items() if len(ratings) >= LEAST}


def _tags(tags: str | list[str]) -> list[str]:
    return [tag.strip() for tag in (tags.split(",") if isinstance(tags, str) else tags)]
