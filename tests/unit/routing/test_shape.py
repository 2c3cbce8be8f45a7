"""Shaping a client's body for a variant's upstream."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.shape import shape
from routing.snapshot import System, Variant

USER = {"role": "user", "content": "hi"}


def shaped(body: dict[str, Any], *, stream_usage: bool = False, **fields: Any) -> dict[str, Any]:
    return shape(body, Variant("v", 1, "up", "gpt-up", **fields), stream_usage=stream_usage)


def test_only_the_model_changes() -> None:
    body = {"model": "solver", "messages": [USER], "vendor": {"x": [None]}, "seed": 2**70}
    assert shaped(body) == {**body, "model": "gpt-up"}


def test_parameters_fill_and_overrides_win() -> None:
    body = {"temperature": 1, "top_p": None}
    fields = {"parameters": {"temperature": 0, "top_p": 0.5, "n": 1}, "override": {"n": 2, "seed": 3}}
    assert shaped(body, **fields) == {"temperature": 1, "top_p": None, "n": 2, "seed": 3, "model": "gpt-up"}


def test_drop_and_rename_concern_the_client() -> None:
    fields = {
        "drop": ("temperature", "absent"),
        "rename": (("max_tokens", "limit"), ("a", "b")),
    }
    assert shaped({"temperature": 1, "max_tokens": 5}, **fields) == {
        "limit": 5,
        "model": "gpt-up",
    }


def test_a_renamed_field_beats_the_parameter_and_yields_to_the_new_name() -> None:
    fields = {"rename": (("max_tokens", "limit"),), "parameters": {"limit": 9}}
    assert shaped({"max_tokens": 5}, **fields)["limit"] == 5
    assert shaped({"max_tokens": 5, "limit": 6}, **fields) == {"limit": 6, "model": "gpt-up"}
    assert shaped({"a": 1, "b": 2}, rename=(("a", "b"), ("b", "a"))) == {"a": 2, "b": 1, "model": "gpt-up"}


@pytest.mark.parametrize("store", [None, False, "true", 1])
def test_metadata_stays_behind_unless_stored(store: object) -> None:
    assert "metadata" not in shaped({"metadata": {"a": "b"}, "store": store})
    assert shaped({"metadata": {"a": "b"}, "store": True})["metadata"] == {"a": "b"}
    assert "metadata" not in shaped({"metadata": {"a": "b"}, "store": True}, override={"store": False})


def test_usage_is_asked_of_streams() -> None:
    assert shaped({}, stream_usage=True)["stream_options"] == {"include_usage": True}
    options = {"include_usage": False, "include_obfuscation": False}
    assert shaped({"stream_options": options}, stream_usage=True)["stream_options"] == {
        "include_usage": True,
        "include_obfuscation": False,
    }
    assert shaped({"stream_options": options})["stream_options"] == options


def system(mode: str, *messages: Any) -> Any:
    return shaped({"messages": list(messages)}, system=System(mode, "Be brief."))["messages"]


def test_replacing_the_system_prompt() -> None:
    ours = {"role": "system", "content": "Be brief."}
    old = {"role": "system", "content": "Be long."}
    assert system("replace", USER) == [ours, USER]
    assert system("replace", old, USER, old) == [ours, USER]
    developer = {"role": "developer", "content": "x"}
    assert system("replace", developer, USER) == [{**ours, "role": "developer"}, USER]


def test_prepending_to_the_system_prompt() -> None:
    assert system("prepend", USER) == [{"role": "system", "content": "Be brief."}, USER]
    named = {"role": "developer", "content": "In C++.", "name": "judge"}
    assert system("prepend", named, USER) == [{**named, "content": "Be brief.\n\nIn C++."}, USER]
    parts = [{"type": "text", "text": "In C++."}]
    assert system("prepend", {"role": "system", "content": parts})[0]["content"] == [
        {"type": "text", "text": "Be brief."},
        *parts,
    ]
    late = {"role": "system", "content": "Now French."}
    assert system("prepend", USER, late) == [{"role": "system", "content": "Be brief."}, USER, late]
    assert system("prepend", {"role": "system", "content": None})[0]["content"] == "Be brief."


def test_no_messages_no_system_prompt() -> None:
    assert shaped({"prompt": "x"}, system=System("replace", "y")) == {"prompt": "x", "model": "gpt-up"}
    assert system("replace", "odd")[1] == "odd"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(("model", "messages", "metadata", "store", "stream_options", "max_tokens", "other"))
MESSAGES = st.lists(st.fixed_dictionaries({"role": st.sampled_from(("system", "user")), "content": JSON}))


@given(
    st.dictionaries(NAMES, JSON | MESSAGES),
    st.sampled_from((None, System("replace", "a"), System("prepend", "b"))),
    st.booleans(),
)
def test_shape_never_changes_its_input(body: dict[str, Any], prompt: System | None, usage: bool) -> None:
    before = copy.deepcopy(body)
    fields: dict[str, Any] = {
        "system": prompt, "drop": ("other",), "rename": (("max_tokens", "limit"),), "parameters": {"n": [1]},
        "override": {"store": True},
    }  # fmt: skip
    shaped(body, stream_usage=usage, **fields)
    assert body == before
    assert fields["parameters"] == {"n": [1]}
