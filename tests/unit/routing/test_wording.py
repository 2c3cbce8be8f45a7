"""Shaping bodies for the endpoints beside chat: what an operator configured in chat's words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.shape import shape_completion, shape_embeddings, shape_response
from routing.snapshot import System, Variant
from routing.wording import WORDING

SHAPES = {"completions": shape_completion, "embeddings": shape_embeddings, "responses": shape_response}


def shaped(endpoint: str, body: dict[str, Any], *, usage: bool = False, **fields: Any) -> dict[str, Any]:
    return SHAPES[endpoint](body, Variant("v", 1, "up", "gpt-up", **fields), stream_usage=usage)


def added(endpoint: str, **parameters: Any) -> dict[str, Any]:
    """What parameters come to."""
    made = shaped(endpoint, {}, parameters=parameters)
    del made["model"]
    return made


@pytest.mark.parametrize("endpoint", SHAPES)
def test_only_the_model_changes(endpoint: str) -> None:
    body = {"model": "solver", "input": "x", "vendor": {"x": [None]}, "temperature": 1, "max_tokens": 7}
    assert shaped(endpoint, body) == {**body, "model": "gpt-up"}


@pytest.mark.parametrize("endpoint", SHAPES)
def test_parameters_fill_and_overrides_win(endpoint: str) -> None:
    fields = {"parameters": {"vendor": 1, "other": 2}, "override": {"mine": 3, "theirs": 4}}
    assert shaped(endpoint, {"vendor": 0, "theirs": 5}, **fields) == {
        "vendor": 0, "other": 2, "mine": 3, "theirs": 4, "model": "gpt-up",
    }  # fmt: skip


def test_what_another_endpoint_calls_it() -> None:
    assert added("completions", max_completion_tokens=5, temperature=0.5, stop="x") == {
        "max_tokens": 5, "temperature": 0.5, "stop": "x",
    }  # fmt: skip
    assert added("responses", max_tokens=5, top_p=0.5) == {"max_output_tokens": 5, "top_p": 0.5}
    assert added("responses", reasoning_effort="low", verbosity="high") == {
        "reasoning": {"effort": "low"}, "text": {"verbosity": "high"},
    }  # fmt: skip
    schema = {"name": "order", "schema": {"type": "object"}, "strict": True}
    written = {"type": "json_schema", "json_schema": schema}
    assert added("responses", response_format=written) == {
        "text": {"format": {"type": "json_schema", **schema}}
    }
    assert added("responses", response_format={"type": "json_object"}) == {
        "text": {"format": {"type": "json_object"}}
    }
    assert added("responses", response_format="odd") == {"text": {"format": "odd"}}


def test_what_another_endpoint_does_not_have() -> None:
    assert added("embeddings", temperature=0.5, max_tokens=5, dimensions=64) == {"dimensions": 64}
    assert added("completions", reasoning_effort="low", response_format={}) == {}
    assert added("responses", stop="x", n=2, seed=7) == {}
    assert shaped("embeddings", {}, override={"temperature": 0}) == {"model": "gpt-up"}
    assert shaped("embeddings", {"temperature": 1}) == {"temperature": 1, "model": "gpt-up"}


def test_the_clients_own_stays_beside_it() -> None:
    asked = {"reasoning": {"summary": "auto"}, "text": "odd"}
    fields = {"parameters": {"reasoning_effort": "low"}, "override": {"verbosity": "low"}}
    assert shaped("responses", asked, **fields) == {
        "reasoning": {"summary": "auto", "effort": "low"}, "text": {"verbosity": "low"}, "model": "gpt-up",
    }  # fmt: skip
    asked = {"reasoning": {"effort": "high"}}
    assert shaped("responses", asked, parameters={"reasoning_effort": "low"})["reasoning"] == {
        "effort": "high"
    }
    assert shaped("responses", asked, override={"reasoning_effort": "low"})["reasoning"] == {"effort": "low"}


def test_drop_and_rename_concern_the_client() -> None:
    asked = {"reasoning": {"effort": "high", "summary": "auto"}, "max_output_tokens": 5, "temperature": 1}
    drop = ("reasoning_effort", "max_tokens", "temperature", "stop", "verbosity")
    assert shaped("responses", asked, drop=drop) == {"reasoning": {"summary": "auto"}, "model": "gpt-up"}
    rename = (("max_tokens", "max_completion_tokens"), ("a", "b"), ("c", "n"))
    assert shaped("completions", {"max_tokens": 5, "a": 1}, rename=rename) == {
        "max_tokens": 5, "b": 1, "model": "gpt-up",
    }  # fmt: skip
    assert shaped("responses", {"max_tokens": 5, "max_output_tokens": 6, "c": 1}, rename=rename) == {
        "max_output_tokens": 6, "model": "gpt-up",
    }  # fmt: skip


def test_metadata_is_for_responses_alone() -> None:
    for endpoint in SHAPES:
        assert ("metadata" in shaped(endpoint, {"metadata": {"a": "b"}})) == (endpoint == "responses")


def test_usage_is_asked_of_completions_alone() -> None:
    assert shaped("completions", {}, usage=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in shaped("responses", {}, usage=True)
    assert "stream_options" not in shaped("embeddings", {}, usage=True)


def test_the_system_prompt_of_a_response() -> None:
    items = [{"role": "developer", "content": "old"}, {"role": "user", "content": "hi"}]
    replace, prepend = System("replace", "Be brief."), System("prepend", "Be brief.")
    made = shaped("responses", {"input": items, "instructions": "old"}, system=replace)
    assert (made["instructions"], made["input"]) == ("Be brief.", items[1:])
    made = shaped("responses", {"input": "hi"}, system=replace)
    assert (made["instructions"], made["input"]) == ("Be brief.", "hi")
    made = shaped("responses", {"input": items, "instructions": "In C++."}, system=prepend)
    assert (made["instructions"], made["input"]) == ("Be brief.\n\nIn C++.", items)
    assert shaped("responses", {"input": items}, system=prepend)["instructions"] == "Be brief."


def test_there_is_no_system_prompt_elsewhere() -> None:
    system = System("replace", "Be brief.")
    assert shaped("completions", {"prompt": "x"}, system=system) == {"prompt": "x", "model": "gpt-up"}
    assert shaped("embeddings", {"input": "x"}, system=system) == {"input": "x", "model": "gpt-up"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        "model",
        "input",
        "prompt",
        "metadata",
        "instructions",
        "reasoning",
        "text",
        "max_tokens",
        "a",
        "stream_options",
    )
)
FIELDS = {name: [name] for name in sorted({name for words in WORDING.values() for name in words})}


@given(st.sampled_from(sorted(SHAPES)), st.dictionaries(NAMES, JSON), st.booleans(), st.booleans())
def test_shape_never_changes_its_input(
    endpoint: str, body: dict[str, Any], over: bool, instructed: bool
) -> None:
    before, written = copy.deepcopy(body), copy.deepcopy(FIELDS)
    fields: dict[str, Any] = {
        "drop": ("verbosity",),
        "rename": (("a", "reasoning_effort"),),
        "override" if over else "parameters": FIELDS,
        "system": System("replace", "x") if instructed else None,
    }
    shaped(endpoint, body, usage=True, **fields)
    assert (body, FIELDS) == (before, written)
