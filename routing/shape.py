"""From a client's body to the one that a variant's upstream gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.snapshot import System, Variant
from routing.wording import path_of, pop, put


def shape(body: Mapping[str, Any], variant: Variant, *, stream_usage: bool) -> dict[str, Any]:
    """The body for `variant`: a shallow copy, `body` stays as it is.

    The client's own fields are dropped and renamed first; then the variant's parameters fill what is left
    out, its overrides win over everything, and `model` is the upstream's. Where a renamed field was also
    sent under its new name, the new name wins. `metadata` stays behind unless the answer is to be stored,
    because OpenAI refuses it otherwise. `stream_usage` asks for the usage chunk of a stream.
    """
    shaped = {**body}
    for name in variant.drop:
        shaped.pop(name, None)
    if variant.rename:
        moved = [(new, shaped.pop(old)) for old, new in variant.rename if old in shaped]
        for new, value in moved:
            shaped.setdefault(new, value)
    for name, value in variant.parameters.items():
        shaped.setdefault(name, value)
    if variant.override:
        shaped.update(variant.override)
    shaped["model"] = variant.model
    if "metadata" in shaped and shaped.get("store") is not True:
        del shaped["metadata"]
    if stream_usage:
        shaped["stream_options"] = _asking_usage(shaped)
    if variant.system is not None and type(shaped.get("messages")) is list:
        shaped["messages"] = _instructed(shaped["messages"], variant.system)
    return shaped


def shape_completion(body: Mapping[str, Any], variant: Variant, *, stream_usage: bool) -> dict[str, Any]:
    """The same for `/v1/completions`, whose prompt is plain text: there is no system prompt in it."""
    shaped = _shape_other(body, variant, "completions")
    shaped.pop("metadata", None)
    if stream_usage:
        shaped["stream_options"] = _asking_usage(shaped)
    return shaped


def shape_embeddings(body: Mapping[str, Any], variant: Variant, *, stream_usage: bool) -> dict[str, Any]:
    """The same for `/v1/embeddings`, which are never streamed."""
    shaped = _shape_other(body, variant, "embeddings")
    shaped.pop("metadata", None)
    return shaped


def shape_response(body: Mapping[str, Any], variant: Variant, *, stream_usage: bool) -> dict[str, Any]:
    """The same for `/v1/responses`: the system prompt is `instructions`, and `metadata` is part of the API.

    Its streams tell their usage without being asked.
    """
    shaped = _shape_other(body, variant, "responses")
    if variant.system is not None:
        _instruct(shaped, variant.system)
    return shaped


def _shape_other(body: Mapping[str, Any], variant: Variant, endpoint: str) -> dict[str, Any]:
    """What an endpoint beside chat has in common with it, in the endpoint's own words."""
    shaped = {**body}
    for name in variant.drop:
        shaped.pop(name, None)
        pop(shaped, path_of(name, endpoint))
    moved = [(new, shaped.pop(old)) for old, new in variant.rename if old in shaped]
    for new, value in moved:
        put(shaped, path_of(new, endpoint), value, over=False)
    for name, value in variant.parameters.items():
        put(shaped, path_of(name, endpoint), value, over=False)
    for name, value in variant.override.items():
        put(shaped, path_of(name, endpoint), value, over=True)
    shaped["model"] = variant.model
    return shaped


def _asking_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    options = body.get("stream_options")
    return {**(options if type(options) is dict else {}), "include_usage": True}


def _instruct(body: dict[str, Any], system: System) -> None:
    """Gives a response's request another system prompt; instructions are not carried over by the upstream."""
    if system.mode == "prepend":
        body["instructions"] = _prepended(system.text, body.get("instructions"))
        return
    body["instructions"] = system.text
    if type(body.get("input")) is list:
        body["input"] = [item for item in body["input"] if not _instructs(item)]


def _instructed(messages: list[Any], system: System) -> list[Any]:
    """The messages with another system prompt, under the role that the client used for its own."""
    first = next((message for message in messages if _instructs(message)), None)
    role = "system" if first is None else first["role"]
    if system.mode == "replace":
        kept = [message for message in messages if not _instructs(message)]
        return [{"role": role, "content": system.text}, *kept]
    if first is not None and first is messages[0]:
        # One message, since many chat templates refuse a second system prompt.
        return [{**first, "content": _prepended(system.text, first.get("content"))}, *messages[1:]]
    return [{"role": role, "content": system.text}, *messages]


def _instructs(message: Any) -> bool:
    return type(message) is dict and message.get("role") in ("system", "developer")


def _prepended(text: str, content: Any) -> Any:
    if type(content) is list:
        return [{"type": "text", "text": text}, *content]
    return f"{text}\n\n{content}" if type(content) is str and content else text
