from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from config import make_prices
from config.prices import entry, names_ending, price, price_of, source
from tests.unit.config.made import loaded

LOCK = Path(__file__).parents[3] / "uv.lock"


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("ft:gpt-4.1-mini-2025-04-14:acme:cp:abc", "ft:gpt-4.1-mini-2025-04-14"),
        ("ft:gpt-4.1-mini-2025-04-14:acme::abc:ckpt-step-90", "ft:gpt-4.1-mini-2025-04-14"),
        ("ft:gpt-4.1-mini:acme:cp:abc", "ft:gpt-4.1-mini-2025-04-14"),
        ("ft:gpt-4.1-mini-2025-04-14", "ft:gpt-4.1-mini-2025-04-14"),
        ("ft:gpt-4o:acme:cp:abc", "ft:gpt-4o-2024-11-20"),
        ("ft:gpt-3.5-turbo:acme:cp:abc", "ft:gpt-3.5-turbo"),
        ("ft:gpt-3.5-turbo-0125:acme:cp:abc", "ft:gpt-3.5-turbo-0125"),
    ],
)
def test_a_tuned_model_costs_what_its_tuned_base_costs(model: str, base: str) -> None:
    found = price_of("openai", model)
    assert found is not None
    assert found.name == base
    untuned = price_of("openai", base.removeprefix("ft:"))
    assert untuned is not None and found.input > untuned.input > 0


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "no-such-model"),
        ("openai", "ft:no-such-model:acme:cp:abc"),
        ("openai", "ft:gpt-4.1-mini-1999-01-01:acme:cp:abc"),
        ("openai", "claude-sonnet-4-5"),
        ("gemini", "gpt-4.1-mini"),
        ("litellm", "groq/no-such-model"),
        ("simulated", "gpt-4.1-mini"),
    ],
)
def test_what_the_table_does_not_know_is_unpriced(provider: str, model: str) -> None:
    assert price_of(provider, model) is None


def test_prices_are_usd_per_million_tokens() -> None:
    mini = price_of("openai", "gpt-4.1-mini")
    assert mini is not None
    assert (mini.input, mini.cached_input, mini.output) == (0.4, 0.1, 1.6)
    flash = price_of("gemini", "gemini-2.5-flash")
    assert flash is not None and flash == price_of("gemini", "models/gemini-2.5-flash")
    assert flash.name == "gemini/gemini-2.5-flash"


def test_litellm_names_are_entries_with_or_without_their_vendor() -> None:
    sonnet = price_of("litellm", "anthropic/claude-sonnet-4-5")
    assert sonnet is not None and sonnet.name == "claude-sonnet-4-5"
    tuned = price_of("litellm", "openai/ft:gpt-4.1-mini-2025-04-14:acme:cp:abc")
    assert tuned is not None and tuned.name == "ft:gpt-4.1-mini-2025-04-14"
    groq = price_of("litellm", "groq/openai/gpt-oss-20b")
    assert groq is not None and groq == entry("groq/openai/gpt-oss-20b")


def test_retirement_is_known() -> None:
    found = entry("ft:gpt-4.1-mini-2025-04-14")
    assert found is not None and found.retired == date(2027, 1, 14)


def test_a_variants_price_is_its_own_or_the_entry_it_names_or_its_models() -> None:
    config = loaded("""
        upstreams: {a: {provider: openai}}
        routes:
          r:
            variants:
              own: {upstream: a, model: gpt-4.1-mini, price: {input: 2, output: 3}}
              request: {upstream: a, model: orders, price: {request: 0.0004}}
              named: {upstream: a, model: orders, price: gpt-4.1-mini}
              model: {upstream: a, model: gpt-4.1-mini}
              missing: {upstream: a, model: orders, price: nobody/nothing}
              unknown: {upstream: a, model: orders}
            variant: own
    """).config
    found = {
        name: price(config.upstreams["a"], variant) for name, variant in config.routes["r"].variants.items()
    }
    told = {
        name: None if it is None else (it.input, it.cached_input, it.output, it.request)
        for name, it in found.items()
    }
    assert told == {
        "own": (2, 2, 3, 0),
        "request": (0, 0, 0, 0.0004),
        "named": (0.4, 0.1, 1.6, 0),
        "model": (0.4, 0.1, 1.6, 0),
        "missing": None,
        "unknown": None,
    }


def test_a_vendors_entry_is_found_by_its_models_name_if_only_one_has_it() -> None:
    assert names_ending("mistral-large-latest-of-nobody") is None
    assert names_ending("gemini-2.5-flash") is None or "/" in str(names_ending("gemini-2.5-flash"))


def test_the_table_is_made_of_the_pinned_package() -> None:
    version, wheels = make_prices.pinned(LOCK.read_text())
    assert source()["package"] == f"litellm {version}"
    assert source()["wheel_sha256"] in wheels
    date.fromisoformat(source()["dated"])


def test_the_packaged_table_is_as_the_generator_writes_it() -> None:
    text = make_prices.TABLE.read_text()
    content = json.loads(text)
    assert make_prices.render(content["source"], content["models"]) == text
    assert len(text) < 512 * 1024
    assert all(entry["input"] > 0 for entry in content["models"].values())


def test_only_what_is_priced_and_answers_text_is_kept() -> None:
    def model(mode: str, given: object, answered: object, **more: Any) -> dict[str, Any]:
        prices = {"input_cost_per_token": given, "output_cost_per_token": answered}
        return {"mode": mode, "litellm_provider": "x", **prices, **more}

    kept = make_prices.table({
        "z": model("chat", 4e-07, 1.6e-06, deprecation_date="2027-01-14"),
        "a": model("embedding", 2e-08, 0.0),
        "cached": model("responses", 1e-06, 2e-06, cache_read_input_token_cost=1e-07),
        "free": model("chat", 0.0, 0.0),
        "unpriced": model("chat", None, None),
        "picture": model("image_generation", 1e-06, 1e-06),
        "odd": model("chat", "1e-6", 1e-06),
        "spec": {"mode": "one of: chat"},
    })  # fmt: skip
    assert kept == {
        "a": {"provider": "x", "input": 0.02, "output": 0},
        "cached": {"provider": "x", "input": 1, "cached_input": 0.1, "output": 2},
        "z": {"provider": "x", "input": 0.4, "output": 1.6, "retired": "2027-01-14"},
    }
    assert list(kept) == ["a", "cached", "z"]


def test_the_lock_tells_version_and_digests() -> None:
    digest = sha256(b"wheel").hexdigest()
    lock = f'[[package]]\nname = "litellm"\nversion = "1.2.3"\nwheels = [{{ hash = "sha256:{digest}" }}]\n'
    assert make_prices.pinned(lock) == ("1.2.3", frozenset({digest}))
