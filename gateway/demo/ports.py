"""Where the demo's programs listen: on the usual ports, or on free ones."""

from __future__ import annotations

import socket
from dataclasses import dataclass

HOST = "127.0.0.1"


class PortTaken(Exception):
    """A port that was asked for is in use."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the gateway listens; `moved` says that a default was taken."""

    data: int
    admin: int
    moved: bool


def choose_ports(port: int | None, admin_port: int | None) -> Ports:
    """The ports given, else the usual ones, else free ones. Raises PortTaken for one that was given."""
    data = choose("--port", port, 8080)
    admin = choose("--admin-port", admin_port, 8081, but=(data,))
    moved = (port is None and data != 8080) or (admin_port is None and admin != 8081)
    return Ports(data, admin, moved)


def choose(option: str, given: int | None, usual: int, but: tuple[int, ...] = ()) -> int:
    """One of them: none of `but`. Raises PortTaken."""
    wanted = usual if given is None else given
    if wanted not in but and _is_free(wanted):
        return wanted
    if given is not None:
        raise PortTaken(
            f"{option} {given} is in use on {HOST}; choose another, or leave it out for a free one"
        )
    while (port := _any_free()) in but:
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
