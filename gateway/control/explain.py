"""What routing would say of a request, without sending anything."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.control.errors import Refusal
from routing.errors import RoutingError, UnknownModel
from routing.explain import explain
from routing.facts import Facts
from routing.snapshot import Key, Snapshot

EVERY_SCOPE = frozenset(("chat", "outcomes", "pin", "direct", "passthrough"))
NO_NONCE = bytes(12)


class Question(BaseModel):
    """A request as an application would send it: its JSON body and its headers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    request: Annotated[dict[str, Any], Field(description="The body of a chat completion.")]
    headers: Annotated[dict[str, str], Field(description="Request headers that routing may look at.")] = {}


def answer(snapshot: Snapshot, question: Question, asker: Key) -> dict[str, Any]:
    """The explanation, as `asker`'s application would be routed. Raises Refusal.

    An operator may look at every route, whatever routes the asker's key may use.
    """
    model = question.request.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "'model' must be the name of a model.", param="model")
    messages = question.request.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise Refusal(400, "'messages' must be a list with at least one message.", param="messages")
    key = Key(asker.name, asker.application, asker.application_hash, EVERY_SCOPE)
    headers = {name.lower().encode(): value.encode() for name, value in question.headers.items()}
    facts = Facts("chat", model, key, headers, question.request, NO_NONCE)
    try:
        return dict(explain(snapshot, facts))
    except UnknownModel as error:
        raise Refusal(404, error.message, param=error.param, code="model_not_found") from None
    except RoutingError as error:
        raise Refusal(400, error.message, param=error.param) from None
