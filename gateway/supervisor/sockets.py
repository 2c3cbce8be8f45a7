"""Listening sockets: one a worker on the data port, one on the admin port, and enough descriptors."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import socket
import struct
from collections.abc import Sequence
from typing import Any

BACKLOG = 2048
Address = tuple[Any, ...]
"""As the socket module has them: host and port first."""
UNSENT = 128 * 1024
"""Bytes that the kernel takes of an answer before the client has room for them."""
SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF = 26, 51  # Linux; the socket module has no names for them
Program = Sequence[tuple[int, int, int, int]]
"""Classic BPF (bpf(4)): lines of operation, jump if true, jump if false, operand."""


class Unavailable(Exception):
    """An address that cannot be listened on; the message says which and why."""


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """`count` sockets that share one port; new connections are dealt out among them in turn.

    Port 0 takes a free one. Raises Unavailable when the host is unknown or the port is taken.
    """
    family, address = _resolve(host, port)
    first = _bind(family, address, share=False)
    if count == 1:
        first.listen(BACKLOG)
        return [first]
    # Sharing would let us join a port that another gateway of the same user serves: that is why the port is
    # taken alone first, and only then together.
    address = first.getsockname()
    first.close()
    listeners = [_bind(family, address, share=True) for _ in range(count)]
    for listener in listeners:
        listener.listen(BACKLOG)
    deal_in_turn(listeners)
    return listeners


def url_of(listener: socket.socket) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def deal_in_turn(listeners: list[socket.socket]) -> None:
    """Lets the kernel pick a connection's socket by its source port instead of by a hash.

    A client's successive connections take rising source ports, in random even steps of about 9 (Linux since
    5.18), so that neither a hash nor the port itself spreads a few dozen of them evenly. Blocks of ports
    dealt out in turn do: with 64 ports a round, 64 connections to two workers deviate by half of what a hash
    would. A classic BPF program (bpf(4), socket(7) SO_ATTACH_REUSEPORT_CBPF) returns the socket's index.
    Where that is not permitted the kernel's hash stays.
    """
    block = max(1, 6 - (len(listeners) - 1).bit_length())  # ports of one turn, as a power of two
    network = 0xFFF00000  # SKF_NET_OFF, as unsigned: offsets from the network header
    program = (
        (0x30, 0, 0, network),  # A = first byte of the IP header
        (0x54, 0, 0, 0xF0),  # A &= version
        (0x15, 0, 2, 0x40),  # IPv4?
        (0x28, 0, 0, network + 20),  # A = source port behind an IPv4 header
        (0x05, 0, 0, 1),
        (0x28, 0, 0, network + 40),  # A = source port behind an IPv6 header
        (0x74, 0, 0, block),  # A >>= block
        (0x94, 0, 0, len(listeners)),  # A %= count
        (0x16, 0, 0, 0),  # return A
    )
    _attach(listeners[0], SO_ATTACH_REUSEPORT_CBPF, program)


def turn_away(listeners: Sequence[socket.socket]) -> None:
    """Lets no client begin another connection; those that are begun still come to be accepted.

    To be called a moment before the listeners close. The kernel resets whoever waits in the queue of a
    listener that closes, although the client has long taken its connection for made. With this filter of the
    segments that begin a connection the queue runs dry first. A client that comes now asks again after a
    second, as it does when a segment is lost, and is refused. Where that is not permitted the queue is not
    dry, and its clients are reset.
    """
    program = (
        (0x30, 0, 0, 13),  # A = flags of the TCP header
        (0x54, 0, 0, 0x12),  # A &= SYN and ACK
        (0x15, 0, 1, 0x02),  # SYN alone?
        (0x06, 0, 0, 0),  # drop
        (0x06, 0, 0, 0xFFFFFFFF),  # take it whole
    )
    for listener in listeners:
        _attach(listener, SO_ATTACH_FILTER, program)


def _attach(listener: socket.socket, option: int, program: Program) -> None:
    """Gives the socket a BPF program, if that is permitted here."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    argument = struct.pack("HP", len(program), ctypes.addressof(code))
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, option, argument)


def raise_descriptor_limit() -> None:
    """Takes as many file descriptors as this user may have: every connection is two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return  # some systems promise more than they give


def _resolve(host: str, port: int) -> tuple[int, Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise Unavailable(f"cannot listen on {host}: there is no such host on this machine") from None
    # `localhost` is often both: what people then call is 127.0.0.1.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def _bind(family: int, address: Address, *, share: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # What a client does not read shall wait in its upstream, not in the kernel: connections inherit this.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    if share:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        host, port = address[:2]
        raise Unavailable(f"cannot listen on {host} port {port}: {error.strerror}") from None
    return listener
