"""What routing would say of a request, without sending anything."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.control.errors import Refusal
from routing.errors import RoutingError, UnknownModel
from routing.explain import explain
from routing.facts import Facts
from routing.snapshot import Key, Snapshot

EVERY_SCOPE = frozenset(("chat", "outcomes", "pin", "direct", "passthrough"))
NO_NONCE = bytes(12)


Endpoint = Literal["chat", "completions", "embeddings", "responses"]


class Question(BaseModel):
    """A request as an application would send it: its JSON body and its headers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    request: Annotated[dict[str, Any], Field(description="The body of a request.")]
    headers: Annotated[dict[str, str], Field(description="Request headers that routing may look at.")] = {}
    endpoint: Annotated[
        Literal["chat", "completions", "embeddings", "responses"],
        Field(description="Where it would be sent."),
    ] = "chat"


def answer(snapshot: Snapshot, question: Question, asker: Key) -> dict[str, Any]:
    """The explanation, as `asker`'s application would be routed. Raises Refusal.

    An operator may look at every route, whatever routes the asker's key may use.
    """
    model = question.request.get("model")
    if not isinstance(model, str) or not model:
        raise Refusal(400, "'model' must be the name of a model.", param="model")
    _check(question)
    key = Key(asker.name, asker.application, asker.application_hash, EVERY_SCOPE)
    headers = {name.lower().encode(): value.encode() for name, value in question.headers.items()}
    facts = Facts(question.endpoint, model, key, headers, question.request, NO_NONCE)
    try:
        return dict(explain(snapshot, facts))
    except UnknownModel as error:
        raise Refusal(404, error.message, param=error.param, code="model_not_found") from None
    except RoutingError as error:
        raise Refusal(400, error.message, param=error.param) from None


def _check(question: Question) -> None:
    """Refuses a body that the endpoint would refuse for lack of what it is about. Raises Refusal."""
    name = ABOUT[question.endpoint]
    said = question.request.get(name)
    if question.endpoint != "chat":
        if not said or not isinstance(said, str | list):
            raise Refusal(400, f"'{name}' must be a text or a list with at least one.", param=name)
    elif not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        raise Refusal(400, "'messages' must be a list with at least one message.", param="messages")


ABOUT = {"chat": "messages", "completions": "prompt", "embeddings": "input", "responses": "input"}
"""The field without which a request of an endpoint asks nothing."""
