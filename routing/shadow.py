"""Shadows: which requests are copied to another variant once they are answered, and what a copy asks.

A copy must leave no trace but its cost: it belongs to no conversation that an upstream keeps, and is stored
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.decision import Decision
from routing.facts import Facts
from routing.snapshot import Shadow
from routing.sticky import bucket, kept_conversation

STREAMED = frozenset(("stream", "stream_options"))
"""Fields of a request for a stream; nobody reads a copy's answer as it comes."""


def copied(decision: Decision, facts: Facts, served: str) -> Shadow | None:
    """The shadow that gets a copy of a request which the variant `served` has answered; None for no copy.

    Each request is drawn by itself, with a lot that says nothing of any other. A caller who pins a variant
    wants that one; a variant that has answered need not be asked again; and what goes on from, or into,
    something that is kept at its upstream could only be asked there, and would change it.
    """
    shadow, body = decision.segment.shadow, facts.body
    if shadow is None or bucket(shadow.salt, facts.nonce) >= shadow.share:
        return None
    if decision.reason == "pinned" or served == shadow.variant.name:
        return None
    if facts.endpoint not in shadow.variant.endpoints:
        return None
    if body.get("previous_response_id") or kept_conversation(body) or body.get("background"):
        return None
    return shadow


def copy_of(body: Mapping[str, Any], endpoint: str) -> dict[str, Any]:
    """The body of a copy: answered whole, and not stored, which only responses are unless told otherwise."""
    copy = {name: value for name, value in body.items() if name not in STREAMED}
    if endpoint == "responses":
        copy["store"] = False
    else:
        copy.pop("store", None)
    return copy
