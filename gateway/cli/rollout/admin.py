"""A gateway's admin API, as far as rollouts go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import click

from gateway.cli.client import ADMIN_KEY, TIMEOUT, get, post, refuse

ROLLOUTS = "/admin/v1/rollouts"

Reading = Mapping[str, Any]
"""How one rollout stands, as the admin API tells it."""
Entry = Mapping[str, Any]
"""One line of a history."""


NEEDED = frozenset((
    "route", "segment", "baseline", "candidate", "phase", "stage", "stages", "weight", "epoch", "revision",
    "mode", "verdict", "guardrails",
))  # fmt: skip
"""Without these it is no reading."""


class Name(NamedTuple):
    """Which rollout; `segment` None: the route's only one."""

    route: str
    segment: str | None = None

    def __str__(self) -> str:
        return self.route if self.segment is None else f"{self.route}/{self.segment}"


def name_of(reading: Reading) -> Name:
    """The whole name of a rollout."""
    return Name(str(reading["route"]), str(reading["segment"]))


class Admin:
    """The gateway at `url`. Every method raises ClickException when it refuses or does not answer.

    `timeout`, in seconds, is that of questions; what is asked to be done may take ten.
    """

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self.url = url
        self._timeout = timeout

    def rollouts(self) -> list[Reading]:
        """How every rollout stands."""
        return [_reading(found) for found in _list(self._get(ROLLOUTS))]

    def whole(self, name: Name) -> Name:
        """The name with its segment, which a route with one rollout may leave out."""
        if name.segment is not None:
            return name
        known = [name_of(reading) for reading in self.rollouts()]
        found = [one for one in known if one.route == name.route]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(one) for one in found)
            raise click.ClickException(f"route {name} has {len(found)} rollouts; name one of {names}")
        raise _unknown(name, known)

    def rollout(self, name: Name) -> Reading:
        """How a rollout stands; `name` is whole."""
        return _reading(self._get(_path(name), name))

    def history(self, name: Name, *, records: bool = False) -> list[Entry]:
        """Transitions and changes of verdicts that are remembered, the oldest first; `name` is whole.

        With `records` decisions come with what they were made of.
        """
        return _list(self._get(f"{_path(name)}/history{'?records=true' if records else ''}", name))

    def act(self, name: Name, action: str, order: Mapping[str, Any], revision: int | None) -> Reading:
        """Has `action` done and tells how the rollout stands then; `name` is whole.

        With a `revision` only if that is still the rollout's.
        """
        headers = {} if revision is None else {"if-match": str(revision)}
        status, answer = post(self.url, f"{_path(name)}/{action}", order, key=ADMIN_KEY, headers=headers)
        return _reading(self._checked(status, answer, name))

    def _get(self, path: str, name: Name | None = None) -> Any:
        status, answer = get(self.url, path, key=ADMIN_KEY, timeout=self._timeout)
        return self._checked(status, answer, name)

    def _checked(self, status: int, answer: Any, name: Name | None) -> Any:
        if status == 200:
            return answer
        if name is not None and answer["error"].get("code") == "rollout_not_found":
            raise _unknown(name, [name_of(reading) for reading in self.rollouts()])
        if status == 404:
            raise _stranger()
        raise refuse(status, answer, ADMIN_KEY)


def _reading(answer: Any) -> Reading:
    if isinstance(answer, dict) and NEEDED <= answer.keys():
        return answer
    raise _stranger()


def _list(answer: Any) -> list[Any]:
    if isinstance(answer, list):
        return answer
    raise _stranger()


def _stranger() -> click.ClickException:
    return click.ClickException("that is not a gateway's admin port, which is usually 8081")


def _path(name: Name) -> str:
    assert name.segment is not None
    return f"{ROLLOUTS}/{quote(name.route, safe='')}/{quote(name.segment, safe='')}"


def _unknown(name: Name, known: list[Name]) -> click.ClickException:
    there = ", ".join(str(one) for one in known) or "none"
    return click.ClickException(f"there is no rollout {name}; there are: {there}")
