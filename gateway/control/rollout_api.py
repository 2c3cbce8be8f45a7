"""Rollouts on the admin port: how they stand, what is asked of them, what has happened."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from gateway.control import access
from gateway.control.controller.commands import NoRollout, Stale
from gateway.control.controller.events import line_of
from gateway.control.controller.wishes import name_of
from gateway.control.errors import Refusal
from gateway.control.plane import Plane
from gateway.store.base import StoreError
from routing.rollout.phases import ACTIONS, Cause, IllegalTransition
from routing.snapshot import Key

Action = Literal["promote", "pause", "resume", "abort", "retry", "undo", "set-weight"]
HEARTBEAT = ": \n\n"


class Order(BaseModel):
    """What goes with an action: the new weight in percent, why, and whether to skip the stages between."""

    model_config = ConfigDict(extra="forbid", strict=True)

    weight: float | None = Field(default=None, ge=0, le=100)
    reason: str = Field(default="", max_length=1_000)
    full: bool = False


def add_rollouts(app: FastAPI, plane: Plane, admits: Callable[[frozenset[str]], Callable[..., Key]]) -> None:
    """Adds their paths to the admin API."""
    Reader = Annotated[Key, Depends(admits(access.READ))]
    Writer = Annotated[Key, Depends(admits(access.WRITE))]

    @app.get("/admin/v1/rollouts")
    async def rollouts(reader: Reader) -> list[Mapping[str, Any]]:
        """How every rollout stands."""
        return [plane.rollouts.reading(name, moment) for name in plane.rollouts.names]

    @app.get("/admin/v1/rollouts/{route}/{segment}")
    async def rollout(route: str, segment: str, reader: Reader) -> Mapping[str, Any]:
        """How one rollout stands."""
        return _reading(plane, name_of(route, segment))

    @app.get("/admin/v1/rollouts/{route}/{segment}/history")
    async def history(
        route: str, segment: str, reader: Reader, records: bool = False
    ) -> list[Mapping[str, Any]]:
        """Every transition and change of a verdict that is remembered, the oldest first.

        Also of a rollout that the configuration does not have any more. With `records` each decision comes
        with what it was made of: base64 of JSON that zlib has compressed.
        """
        name = name_of(route, segment)
        try:
            entries = await plane.store.history(name)
        except StoreError:
            raise _away() from None
        if not entries and name not in plane.rollouts.names:
            raise _unknown()
        return [
            {
                **line_of(entry.body, records=records), "time": moment(entry.time),
                "authentic": entry.authentic,
            }
            for entry in entries
        ]  # fmt: skip

    @app.post("/admin/v1/rollouts/{route}/{segment}/{action}")
    async def act(
        route: str,
        segment: str,
        action: Action,
        writer: Writer,
        order: Order | None = None,
        if_match: Annotated[str | None, Header()] = None,
    ) -> Mapping[str, Any]:
        """Has a rollout moved."""
        name = name_of(route, segment)
        await _carry_out(plane, name, action, order or Order(), writer, if_match)
        return _reading(plane, name)

    @app.get("/admin/v1/events")
    async def events(request: Request, reader: Reader) -> StreamingResponse:
        """Transitions, changes of verdicts and reloads as they happen (server-sent events)."""
        return StreamingResponse(_events(plane), media_type="text/event-stream")


async def _carry_out(
    plane: Plane, name: str, action: Action, order: Order, writer: Key, if_match: str | None
) -> None:
    cause = action.replace("-", "_")
    assert cause in ACTIONS
    if (order.weight is not None) != (cause == "set_weight"):
        why = "set-weight needs a weight." if order.weight is None else "Only set-weight takes a weight."
        raise Refusal(400, why, param="weight")
    if order.full and cause != "promote":
        raise Refusal(400, "Only promote takes full.", param="full")
    weight = None if order.weight is None else round(order.weight * 100)
    if order.weight is not None and weight is not None and abs(weight - order.weight * 100) > 1e-6:
        raise Refusal(400, "A weight has two decimals at most.", param="weight")
    try:
        await plane.rollouts.commands.carry_out(
            name, _cause(cause), actor=writer.name, reason=order.reason, weight=weight, full=order.full,
            expected=_revision(if_match),
        )  # fmt: skip
    except NoRollout:
        raise _unknown() from None
    except Stale:
        raise Refusal(412, "The rollout is at another revision now.", code="precondition_failed") from None
    except IllegalTransition as error:
        raise Refusal(409, str(error), code="illegal_transition") from None
    except StoreError:
        raise _away() from None


def _cause(action: str) -> Cause:
    return next(cause for cause in ACTIONS if cause == action)


def _revision(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refusal(400, "If-Match must be a rollout's revision.", param="If-Match")
    return int(text)


def _reading(plane: Plane, name: str) -> Mapping[str, Any]:
    if name not in plane.rollouts.names:
        raise _unknown()
    return plane.rollouts.reading(name, moment)


def _unknown() -> Refusal:
    return Refusal(404, "There is no such rollout.", code="rollout_not_found")


def _away() -> Refusal:
    return Refusal(503, "The store cannot be reached now.", code="store_unavailable")


async def _events(plane: Plane) -> AsyncIterator[str]:
    yield HEARTBEAT
    async for event in plane.rollouts.events.listen():
        data = dict(event.data)
        if isinstance(data.get("time"), int):
            data["time"] = moment(data["time"])
        yield f"event: {event.kind}\ndata: {json.dumps(data)}\n\n"


def moment(milliseconds: int) -> str:
    """A time as it is written everywhere: UTC, with milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
