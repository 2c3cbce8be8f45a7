"""The endpoints that a model's request may come by: what each has of its own along the one journey."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from gateway.data.answer import Whole, first_event, first_response, read_counted, read_response, read_whole
from gateway.data.check import check_chat, check_completion, check_embeddings, check_response
from gateway.data.relay import Relay
from gateway.data.relay_response import ResponseRelay
from gateway.sse import PatientSplitter, Splitter
from routing.decide import decide
from routing.decision import Decision
from routing.facts import Facts
from routing.shape import shape, shape_completion, shape_embeddings, shape_response
from routing.snapshot import Snapshot, Variant


class Shape(Protocol):
    """Makes of a client's body the one that a variant's upstream gets."""

    def __call__(self, body: Mapping[str, Any], variant: Variant, *, stream_usage: bool) -> dict[str, Any]:
        """The body; `stream_usage` asks for a stream's usage."""
        ...


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint.

    `name` is routing's; `path` that of an upstream call, below its base URL. `check` refuses a body that no
    upstream could serve; `read` reads a whole answer and `first` the first event of a stream, which a
    `splitter` cuts into events for a `relay`.
    """

    name: str
    path: str
    check: Callable[[dict[str, Any]], None]
    shape: Shape
    read: Callable[[bytes], Whole] = read_whole
    first: Callable[[dict[str, Any]], Whole] = first_event
    relay: type[Relay] = Relay
    splitter: type[Splitter] = Splitter
    decide: Callable[[Snapshot, Facts], Decision] = decide
    answers: bool = True
    """Whether what comes back is a model's answer, which can be judged; vectors and counts cannot."""


def decide_aside(snapshot: Snapshot, facts: Facts) -> Decision:
    """The decision of a request that says nothing of its variant: outside comparisons, no outcome wanted."""
    return decide(snapshot, facts).outside("none", wants_outcome=False)


CHAT = Endpoint(name="chat", path="/chat/completions", check=check_chat, shape=shape)
RESPONSES = Endpoint(
    name="responses", path="/responses", check=check_response, shape=shape_response, read=read_response,
    first=first_response, relay=ResponseRelay, splitter=PatientSplitter,
)  # fmt: skip
ENDPOINTS: dict[bytes, Endpoint] = {
    b"/v1/chat/completions": CHAT,
    b"/v1/completions": Endpoint(
        name="completions", path="/completions", check=check_completion, shape=shape_completion
    ),
    b"/v1/embeddings": Endpoint(
        name="embeddings",
        path="/embeddings",
        check=check_embeddings,
        shape=shape_embeddings,
        answers=False,
    ),
    b"/v1/responses": RESPONSES,
    b"/v1/responses/compact": msgspec.structs.replace(
        RESPONSES, path="/responses/compact", decide=decide_aside, answers=False
    ),
    b"/v1/responses/input_tokens": msgspec.structs.replace(
        RESPONSES, path="/responses/input_tokens", read=read_counted, decide=decide_aside, answers=False
    ),
}
"""By the path of a POST."""
