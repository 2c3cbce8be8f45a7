"""What a simulated model says when no task book answers: an order, labels, or plausible prose."""

from __future__ import annotations

import json
import re
from random import Random

_ORDER = re.compile(r"([가-힣]+)\s+(한|두|세|네|다섯|\d{1,2})\s*(?:잔|개|병|줄|그릇|판)")
_NUMBERS = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5}
_LABELS = re.compile(r"(?:labels|categories|라벨|분류)\s*[:：]\s*([^\n.]+)", re.IGNORECASE)
_ITEM = re.compile(r"^\s*\d+[.)]\s+\S", re.MULTILINE)

_OPENINGS = ("In short,", "Put simply,", "As far as I can tell,", "To begin with,", "On the whole,")
_SUBJECTS = (
    "the first approach",
    "a smaller step",
    "the usual answer",
    "what you describe",
    "the simpler design",
)
_CLAIMS = (
    "holds up well as long as the inputs stay small.",
    "is easier to change later, which tends to matter more than it seems.",
    "works, though it is worth measuring before relying on it.",
    "covers the common case and leaves the rare one to a clear error.",
    "is a sensible place to start.",
)


def answer(prompt: str, context: str, passes: bool, rng: Random) -> str:
    """A text for the last user message `prompt`; `context` is every message, `passes` whether it is right."""
    orders = _ORDER.findall(prompt)
    if orders:
        return _order(orders, passes)
    labels = _LABELS.search(context)
    if labels:
        return _labelled(prompt, [name.strip() for name in labels[1].split(",")], passes, rng)
    return _prose(rng)


def _order(orders: list[tuple[str, str]], passes: bool) -> str:
    items = [
        {"name": name, "quantity": _NUMBERS[count] if count in _NUMBERS else int(count)}
        for name, count in orders
    ]
    text = json.dumps({"items": items}, ensure_ascii=False)
    return text if passes else text[:-1]


def _labelled(prompt: str, labels: list[str], passes: bool, rng: Random) -> str:
    items = max(1, len(_ITEM.findall(prompt)))
    chosen = [{"id": number, "label": rng.choice(labels)} for number in range(1, items + 1)]
    if not passes:
        chosen[-1]["label"] = "other things"
    return json.dumps(chosen, ensure_ascii=False)


def _prose(rng: Random) -> str:
    sentences = [
        f"{rng.choice(_OPENINGS)} {rng.choice(_SUBJECTS)} {rng.choice(_CLAIMS)}"
        for _ in range(rng.randint(2, 5))
    ]
    return " ".join(sentences)
