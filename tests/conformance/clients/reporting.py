"""What Python clients' programs share: URL, key, model and cases as arguments, a report as JSON on stdout."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

URL, KEY, MODEL, *CASES = sys.argv[1:]
"""Where, as whom, of which route; and the cases to go through."""
NOBODY = "hg_nobody"
QUESTION = "Write a program that adds two numbers."
WEATHER = "How is the weather in Seoul?"
ORDER = "Take an order: two lattes."
FAULTS = {"rate_limited": "Be rate limited.", "refused": "Be refused.", "broken": "Be broken."}
"""What the model mock answers to these is in `tests/conformance/models.json`."""
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY},
}


def report(version: str, *cases: Callable[[], object]) -> None:
    """Runs those cases that were asked for and prints what they saw, or how they broke."""
    known = {case.__name__: case for case in cases}
    print(json.dumps({"version": version} | {name: _seen(known[name]) for name in CASES}))


def _seen(case: Callable[[], object]) -> object:
    try:
        return case()
    except Exception:
        return {"broke": traceback.format_exc()}
