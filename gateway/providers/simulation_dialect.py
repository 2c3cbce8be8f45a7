"""What a simulated model's wire formats have in common: a request in, a body or events out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.providers.simulation import Prompt, Reply
from gateway.providers.simulation_faults import Faults


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream: its JSON, its SSE name if the format has names, and whether it is a token."""

    data: Mapping[str, Any]
    name: str = ""
    token: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire format.

    `read` makes a Prompt of a request body and raises ValueError (one line) when it cannot be one; `whole`
    gives the body of an answer; `events` those of a stream, `merged` putting the role beside the first
    token; `error` the body for a status and a message, to which `details` adds what faults ask for; `done` is
    the last line's data, empty for none. `failure` is the event by which a stream says that it failed, of a
    message and the event's number; None: `error` in an event.
    """

    read: Callable[[Mapping[str, Any]], Prompt]
    whole: Callable[[Reply, Prompt], Mapping[str, Any]]
    events: Callable[[Reply, Prompt, bool], Iterator[Event]]
    error: Callable[[int, str], Mapping[str, Any]]
    details: Callable[[Mapping[str, Any], Faults], Any] = lambda error, faults: error
    done: bytes = b""
    sse: bool = True
    """False: a stream is one JSON array."""
    failure: Callable[[str, int], Event] | None = None


def text_of(content: object) -> str:
    """The text of a message's content: a string, or a list of parts with `text`."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def limit_of(body: Mapping[str, Any], *names: str) -> int | None:
    """The token limit under the first of `names` that is set. Raises ValueError."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}: must be a positive integer")
        return value
    return None


def model_of(body: Mapping[str, Any]) -> str:
    """The model asked for. Raises ValueError."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise ValueError("model: must be a non-empty string")
    return model
