"""Bodies, texts and models that the tests of estimates share."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.model import HeadFile, Model, Scale, read_model, write_model

PROBLEM = """\
You are given a tree with n vertices and q queries. Each query asks for the number of paths between two
vertices whose sum is divisible by k, modulo 998244353.

Input
The first line contains two integers n and q (1 ≤ n, q ≤ 2·10^5). The second line contains k (1 ≤ k ≤ 10^9).

Output
For each query print the answer.
"""
KOREAN = """\
길이가 N인 수열이 주어진다. 값을 바꾸는 연산과 구간의 합을 구하는 연산을
세그먼트 트리로 처리하는 프로그램을 작성하시오.

입력
첫째 줄에 수의 개수 N(1 ≤ N ≤ 1,000,000)과 연산의 수 M(1 ≤ M ≤ 100,000)이 주어진다.

출력
각 연산마다 답을 한 줄에 출력한다.
"""
REVIEW = "배달이 너무 늦었고 음식이 다 식어서 왔어요"
ORDER = "아이스 아메리카노 한 잔 주세요"


@cache
def built_in() -> ModelEstimator:
    """The model that is part of the package."""
    path = Path(__file__).parents[4] / "config" / "heuristic.json"
    return ModelEstimator(read_model(path.read_bytes()))


def body(*texts: str, system: str = "") -> dict[str, Any]:
    """A chat whose user turns are these, with answers between them."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for text in texts:
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "Here it is."}]
    return {"messages": messages[:-1]}


def score(*texts: str) -> float:
    """The built-in model's score of a chat."""
    found = built_in().estimate(body(*texts)).score
    assert found is not None
    return found


def fields(**changed: Any) -> dict[str, Any]:
    """What a small model is written from."""
    head = HeadFile(intercept=1000.0, words={"tree": 300.0, "easy": -200.0}, curve=([0.0, 4e3], [0.0, 4e3]))
    return {
        "name": "small",
        "target": "rating",
        "scale": Scale("codeforces", 800.0, 3500.0),
        "created": "2026-11-21",
        "data": {"rows": 2},
        "metrics": {},
        "tokens": "plain",
        "heads": {"*": head},
        "gate": None,
    } | changed


def model(**changed: Any) -> Model:
    """A small model."""
    return read_model(write_model(fields(**changed)))
