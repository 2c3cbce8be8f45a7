"""Ports for servers that cannot choose their own, and for addresses where nobody listens."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody else is given as long as this process lives.

    They stay bound here, without listening: a connection is refused, and a server that sets SO_REUSEADDR, as
    servers do, may listen on them, as often as it is started. A port that is let go first may be somebody
    else's before the server has it.
    """
    ports = []
    for _ in range(count):
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        ports.append(held.getsockname()[1])
        held.detach()
    return ports
