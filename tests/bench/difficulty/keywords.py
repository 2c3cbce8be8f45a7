"""A keyword router, rebuilt after the idea of LiteLLM's complexity router: a weighted sum over the text.

The dimensions and their weights are those its documentation names; the words are our own.
"""

from __future__ import annotations

import re

CODE = """
function class def import return variable array loop compile debug api database sql python java javascript
algorithm code script bug exception async thread pointer struct string integer c++ rust 코드 함수 배열 변수
""".split()
REASONING = """
step-by-step reasoning explain why prove derive analyze compare evaluate justify deduce infer conclude
therefore assume proof logic 증명 설명 분석 비교 이유
""".split()
TECHNICAL = """
architecture distributed kubernetes encryption protocol latency optimization neural gradient matrix vector
theorem polynomial probability complexity graph tree recursive dynamic modulo integral derivative quantum
트리 그래프 행렬 확률 알고리즘
""".split()
SIMPLE = """
hello hi thanks what who when where define translate weather yes no capital 안녕 고마워 뭐야 언제 어디
""".split()
STEPS = re.compile(r"\b(?:first|then|next|finally|after that|step \d|\d\.)")
LONG, SHORT = 400, 15
"""Tokens from which on a prompt counts as long, or as short."""


def keyword_score(text: str) -> float:
    """The higher, the more complex."""
    lower = text.lower()
    words = set(re.findall(r"[\w+-]+", lower))
    tokens = len(text) / 4
    length = -1.0 if tokens < SHORT else 1.0 if tokens > LONG else 0.0
    return (
        0.10 * length
        + 0.30 * _presence(words, CODE)
        + 0.25 * _presence(words, REASONING)
        + 0.25 * _presence(words, TECHNICAL)
        - 0.05 * _presence(words, SIMPLE)
        + 0.03 * (STEPS.search(lower) is not None)
        + 0.02 * (text.count("?") > 3)
    )


def _presence(words: set[str], known: list[str]) -> float:
    found = sum(word in words for word in known)
    return 0.0 if not found else 0.5 if found == 1 else 1.0
