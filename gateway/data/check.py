"""What of a request's body is refused here: what no upstream could serve, by the name of the parameter.

Shallow on purpose: the rest is judged better by the upstream, whose own 400 passes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.data.errors import InvalidRequest

BANNED: Final = frozenset(
    ("api_key", "api_base", "base_url", "extra_headers", "extra_body", "user_config", "litellm_params")
)
"""Fields by which a client could redirect a call or bring its own credential."""
ROLES: Final = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
LONGEST_ID: Final = 512
"""Characters of a stored response's id."""

Bounds = Mapping[str, tuple[int, int]]


def check_chat(body: dict[str, Any]) -> None:
    """Raises InvalidRequest."""
    if not BANNED.isdisjoint(body):
        raise _banned(body)
    _check_messages(body.get("messages"))
    _check_values(body, _CHECKED, _INTEGERS)


def check_completion(body: dict[str, Any]) -> None:
    """Raises InvalidRequest."""
    prompt = body.get("prompt")
    if type(prompt) is not str and (type(prompt) is not list or not prompt):
        raise InvalidRequest("'prompt' must be a string or a list with at least one prompt.", param="prompt")
    _check_fields(body, _COMPLETION)


def check_embeddings(body: dict[str, Any]) -> None:
    """Raises InvalidRequest."""
    given = body.get("input")
    if type(given) not in (str, list) or not given:
        raise InvalidRequest("'input' must be a text or a list with at least one.", param="input")
    _check_fields(body, _EMBEDDINGS)
    if body.get("stream"):
        raise InvalidRequest("'stream' must be false: embeddings come whole.", param="stream")


def check_response(body: dict[str, Any]) -> None:
    """Raises InvalidRequest."""
    given = body.get("input")
    if given is not None and type(given) not in (str, list):
        raise InvalidRequest("'input' must be a string or a list of items.", param="input")
    _check_fields(body, _RESPONSE)
    previous = body.get("previous_response_id")
    if previous is not None and (type(previous) is not str or not 0 < len(previous) <= LONGEST_ID):
        raise InvalidRequest(
            "'previous_response_id' must be the id of a response.", param="previous_response_id"
        )


_INTEGERS: Final[Bounds] = {"n": (1, 128), "max_tokens": (0, 2**31), "max_completion_tokens": (0, 2**31)}
_COMPLETION: Final[Bounds] = {"n": (1, 128), "best_of": (0, 128), "max_tokens": (0, 2**31)}
_EMBEDDINGS: Final[Bounds] = {"dimensions": (1, 2**31)}
_RESPONSE: Final[Bounds] = {"max_output_tokens": (0, 2**31)}
"""No narrower than OpenAI's own specification, which lets the model say whether it can do with no tokens."""
_OBJECTS: Final = ("stream_options", "metadata")
_CHECKED: Final = (*_INTEGERS, *_OBJECTS)


def _check_fields(body: dict[str, Any], integers: Bounds) -> None:
    """What every endpoint beside chat has in common."""
    if not BANNED.isdisjoint(body):
        raise _banned(body)
    _check_values(body, (*integers, *_OBJECTS), integers)


def _check_values(body: dict[str, Any], names: tuple[str, ...], integers: Bounds) -> None:
    """`stream`, and the fields of these names."""
    stream = body.get("stream")
    if stream is not None and type(stream) is not bool:
        raise InvalidRequest("'stream' must be a boolean.", param="stream")
    for name in names:
        value = body.get(name)
        if value is not None:
            _check_field(name, value, integers)


def _banned(body: dict[str, Any]) -> InvalidRequest:
    name = min(BANNED.intersection(body))
    return InvalidRequest(f"'{name}' cannot be set by a request.", param=name)


def _check_field(name: str, value: Any, integers: Bounds) -> None:
    if name in integers:
        low, high = integers[name]
        if type(value) is bool or not isinstance(value, int | float) or not low <= value <= high or value % 1:
            raise InvalidRequest(f"'{name}' must be an integer from {low} to {high}.", param=name)
    elif type(value) is not dict:
        raise InvalidRequest(f"'{name}' must be an object.", param=name)


def model_of(body: dict[str, Any]) -> str:
    """The model that the client asks for. Raises InvalidRequest."""
    model = body.get("model")
    if type(model) is not str or not model:
        raise InvalidRequest("'model' must be the name of a model.", param="model")
    return model


def _check_messages(messages: Any) -> None:
    if type(messages) is not list or not messages:
        raise InvalidRequest("'messages' must be a list with at least one message.", param="messages")
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise InvalidRequest("A message must be an object.", param=f"messages[{index}]")
        role = message.get("role")
        if type(role) is not str or role not in ROLES:
            raise InvalidRequest(
                f"A message's role must be one of {', '.join(sorted(ROLES))}.",
                param=f"messages[{index}].role",
            )
