"""Prices: the packaged table, and what a variant's upstream charges.

The table is made from litellm's price map by `make prices` and dated; `source()` says which. Prices are USD
per million tokens. What the table does not know is unpriced: None, never 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from config.upstreams import Upstream
from config.variants import Price, Variant

_TUNED = re.compile(r"(ft:[^:]+)(?::.*)?")
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}|-\d{4}")

_OPENAI = frozenset({"openai", "text-completion-openai"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the table: USD per million tokens, and the day it is or was retired, if known."""

    name: str
    input: float
    cached_input: float
    output: float
    retired: date | None = None


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text("utf-8"))
    return table


def source() -> Mapping[str, str]:
    """Where the table comes from: `package`, `file`, its `sha256`, `dated`."""
    found: Mapping[str, str] = _table()["source"]
    return found


def entry(name: str) -> Entry | None:
    """The entry of that very name, such as `groq/llama-3.1-8b-instant`."""
    found = _table()["models"].get(name)
    if found is None:
        return None
    retired = date.fromisoformat(found["retired"]) if "retired" in found else None
    cached = found.get("cached_input", found["input"])
    return Entry(name, found["input"], cached, found.get("output", 0.0), retired)


def price_of(provider: str, model: str) -> Entry | None:
    """The entry for a model of one of our providers.

    A fine-tuned model, `ft:BASE:organization:suffix:id` with or without `:ckpt-step-N`, costs what the tuned
    BASE costs; a BASE without a date is its newest dated one.
    """
    if provider == "openai":
        return _of_openai(model)
    if provider == "gemini":
        return entry(f"gemini/{model.removeprefix('models/').removeprefix('gemini/')}")
    if provider == "litellm":
        return _of_litellm(model)
    return None


def price(upstream: Upstream, variant: Variant) -> Price | None:
    """What a variant costs: its own price, that of the entry it names, or that of its model."""
    if isinstance(variant.price, Price):
        return variant.price
    found = table_entry(upstream, variant)
    if found is None:
        return None
    return Price(input=found.input, cached_input=found.cached_input, output=found.output)


def table_entry(upstream: Upstream, variant: Variant) -> Entry | None:
    """The table's entry for a variant, whose own price is left aside."""
    if isinstance(variant.price, str):
        return entry(variant.price)
    return price_of(upstream.provider, variant.model)


def names_ending(model: str) -> str | None:
    """The entry `vendor/model` for a model, if there is exactly one such vendor."""
    found = [name for name in _table()["models"] if name.endswith(f"/{model}") and name.count("/") == 1]
    return found[0] if len(found) == 1 else None


def _of_openai(model: str) -> Entry | None:
    tuned = _TUNED.fullmatch(model)
    if tuned is not None:
        return _of_base(tuned[1])
    return entry(model) if _provider(model) in _OPENAI else None


def _of_base(base: str) -> Entry | None:
    """A tuned base: as it is named, or its newest dated entry."""
    exact = entry(base)
    if exact is not None:
        return exact
    dated = (
        name for name in _table()["models"] if name.startswith(base) and _DATE.fullmatch(name, len(base))
    )
    newest = max(dated, default=None)
    return entry(newest) if newest is not None else None


def _of_litellm(model: str) -> Entry | None:
    """litellm's name is the entry's; some entries leave the vendor out."""
    vendor, _, name = model.partition("/")
    if vendor == "openai":
        return _of_openai(name)
    return entry(model) or (entry(name) if _provider(name) == vendor else None)


def _provider(name: str) -> str | None:
    found = _table()["models"].get(name)
    return None if found is None else str(found["provider"])
