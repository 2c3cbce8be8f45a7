"""What a translated provider gets of a request: an allow-list of fields, each checked, nothing else.

litellm takes many more arguments than OpenAI's API has, among them other hosts, keys, files and callbacks,
and it fetches what a message points at. So a request is written anew of what is listed here. What only
concerns OpenAI's own bookkeeping is left out; any other field is refused by name, so that nobody believes
it was honoured. Pure.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from gateway.providers.inlining import Inlining
from gateway.providers.translation_messages import messages_of
from gateway.providers.translation_parts import Unfit, object_of

PLAIN = frozenset(
    ("temperature", "top_p", "top_k", "n", "stop", "max_tokens", "max_completion_tokens", "presence_penalty",
     "frequency_penalty", "logit_bias", "seed", "parallel_tool_calls", "logprobs", "top_logprobs",
     "reasoning_effort", "verbosity", "modalities", "thinking", "safety_settings")
)  # fmt: skip
"""Fields that are handed on as they are; litellm refuses what the model's provider does not know."""
LEFT_OUT = frozenset(
    ("model", "stream", "stream_options", "store", "metadata", "user", "safety_identifier",
     "prompt_cache_key", "prompt_cache_retention", "service_tier")
)  # fmt: skip
"""Fields that change nothing about the answer, or are somebody else's business here."""
FORMATS = frozenset(("text", "json_object", "json_schema"))

_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_CHOICES = frozenset(("none", "auto", "required"))


def translatable(body: dict[str, Any], *, native: bool) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The messages and the fields of a chat request that may be translated. Raises Unfit.

    `native`: for Gemini, which takes thought signatures back and no thoughts.
    """
    fields: dict[str, Any] = {}
    inlining = Inlining()
    for name, value in body.items():
        if value is None or name in LEFT_OUT or name == "messages":
            continue
        if name in PLAIN:
            fields[name] = value
        elif name == "tools":
            if tools := _tools(value, inlining):
                fields[name] = tools
        elif name == "tool_choice":
            fields[name] = _choice(value)
        elif name == "response_format":
            fields[name] = _format(value, inlining)
        else:
            raise _unknown(name)
    return messages_of(body.get("messages"), native=native), fields


def _unknown(name: str) -> Unfit:
    if not _NAME.fullmatch(name):
        return Unfit(None, "The request has a field that this route's upstream does not take.")
    return Unfit(name, f"'{name}' is not a field that this route's upstream takes.")


def _tools(tools: Any, inlining: Inlining) -> list[dict[str, Any]]:
    if type(tools) is not list:
        raise Unfit("tools", "'tools' must be a list.")
    return [_tool(tool, f"tools[{index}]", inlining) for index, tool in enumerate(tools)]


def _tool(tool: Any, path: str, inlining: Inlining) -> dict[str, Any]:
    if type(tool) is not dict or tool.get("type") != "function":
        raise Unfit(f"{path}.type", "This route's upstream takes tools of the type 'function' only.")
    function = object_of(tool.get("function"), f"{path}.function")
    kept = {
        name: value
        for name in ("name", "description", "parameters", "strict")
        if (value := function.get(name)) is not None
    }
    if type(kept.get("name")) is not str:
        raise Unfit(f"{path}.function.name", "A function needs a name.")
    if "parameters" in kept:
        kept["parameters"] = inlining.of(kept["parameters"], f"{path}.function.parameters")
    return {"type": "function", "function": kept}


def _choice(choice: Any) -> Any:
    if type(choice) is str and choice in _CHOICES:
        return choice
    if type(choice) is dict and choice.get("type") == "function":
        name = object_of(choice.get("function"), "tool_choice.function").get("name")
        if type(name) is str:
            return {"type": "function", "function": {"name": name}}
    raise Unfit("tool_choice", "'tool_choice' must be none, auto, required, or name a function.")


def _format(form: Any, inlining: Inlining) -> dict[str, Any]:
    kind = object_of(form, "response_format").get("type")
    if type(kind) is not str or kind not in FORMATS:
        raise Unfit("response_format.type", f"A response format is one of {', '.join(sorted(FORMATS))}.")
    if kind != "json_schema":
        return {"type": kind}
    given = object_of(form.get("json_schema"), "response_format.json_schema")
    schema = inlining.of(given.get("schema"), "response_format.json_schema.schema")
    return {
        "type": kind,
        "json_schema": {"name": str(given.get("name", "")), "strict": given.get("strict"), "schema": schema},
    }


def refusal_body(unfit: Unfit) -> bytes:
    """The error that the client gets, in OpenAI's envelope."""
    error = {"message": unfit.text, "type": "invalid_request_error", "param": unfit.param, "code": None}
    return orjson.dumps({"error": error})
