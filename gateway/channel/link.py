"""A message link between two of Headgate's own processes.

A pair of Unix SEQPACKET sockets that the supervisor makes, keeps open and lends to its children: packets
keep their boundaries, so that a process killed in mid-message leaves nothing half-written behind, and its
successor goes on with the same end. The kernel's buffer is the bound of the channel: when it is full
`try_send` says so at once, and the caller counts the drop.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from enum import IntEnum

PACKET = 60_000
"""Bytes of a message carried by one packet, well under any default socket buffer."""
BUFFER = 4 * 1024 * 1024
_FIRST, _LAST = 1, 2


class Kind(IntEnum):
    """What a message is about."""

    BATCH = 1  # worker → control plane: records.Batch
    SNAPSHOT = 2  # supervisor, control plane → worker: a pickled Snapshot
    READY = 3  # worker, control plane → supervisor: serving
    LAME_DUCK = 4  # supervisor → worker, control plane: say "not ready", go on serving
    DRAIN = 5  # supervisor → worker, control plane: finish and leave
    RELOAD = 6  # supervisor → control plane: read the configuration again
    SOURCE = 7  # supervisor → control plane: what it starts from; back: what its successor will
    ROLL = 8  # control plane → supervisor: replace the workers
    OUTCOMES = 10  # worker → control plane: outcomes.Handed
    ANSWER = 12  # worker → control plane: answers.Answered
    COPIED = 13  # worker → control plane: answers.Copied
    RECEIPTS = 11  # control plane → worker: outcomes.Receipts
    MADE = 30  # worker → control plane: homes.Made
    WHERE = 31  # worker → control plane: homes.Asked
    HOME = 32  # control plane → worker: homes.Told
    THRESHOLDS = 40  # control plane → worker: what gains are compared with
    HAND_OVER = 9  # supervisor → worker: a successor accepts on your socket; finish and leave
    WORLD = 20  # control plane → telemetry: wire.World; it gets workers' BATCH too, and DRAIN
    LOST = 21  # telemetry → control plane: wire.Lost


def pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends with room for a burst."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return ends


class Link:
    """One end of a link, on the running event loop."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)
        self._parts: dict[int, list[bytes]] = {}  # of one message a kind: they may mingle

    @classmethod
    def of_descriptor(cls, descriptor: int) -> Link:
        """The link on an inherited file descriptor."""
        return cls(socket.socket(fileno=descriptor))

    def listen(self, on_message: Callable[[Kind, bytes], None], on_end: Callable[[], None]) -> None:
        """Calls `on_message` for every message from now on, `on_end` once when the other side is gone."""
        loop = asyncio.get_running_loop()

        def readable() -> None:
            try:
                packet = self._end.recv(PACKET + 2)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                packet = b""
            if not packet:
                loop.remove_reader(self._end)
                on_end()
                return
            message = self._assemble(packet)
            if message is not None:
                on_message(Kind(packet[0]), message)

        loop.add_reader(self._end, readable)

    def _assemble(self, packet: bytes) -> bytes | None:
        kind, flags = packet[0], packet[1]
        if flags & _FIRST:
            self._parts[kind] = []
        parts = self._parts.get(kind)
        if parts is None:
            return None  # the rest of a message whose head was dropped
        parts.append(packet[2:])
        return b"".join(self._parts.pop(kind)) if flags & _LAST else None

    def try_send(self, kind: Kind, message: bytes = b"") -> bool:
        """Sends without waiting; False when the channel is full or gone and the message is dropped."""
        try:
            for packet in _packets(kind, message):
                self._end.send(packet)
        except OSError:
            return False
        return True

    async def send(self, kind: Kind, message: bytes = b"") -> bool:
        """Sends, waiting for room as long as it takes; False when the other side is gone."""
        loop = asyncio.get_running_loop()
        for packet in _packets(kind, message):
            while True:
                try:
                    self._end.send(packet)
                    break
                except (BlockingIOError, InterruptedError):
                    room = loop.create_future()
                    loop.add_writer(self._end, _arrived, room)
                    try:
                        await room
                    finally:
                        loop.remove_writer(self._end)
                except OSError:
                    return False
        return True

    def close(self) -> None:
        """Stops listening and closes this end."""
        if self._end.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._end)
            self._end.close()


def _packets(kind: Kind, message: bytes) -> list[bytes]:
    starts = range(0, len(message), PACKET) if message else range(1)
    last = starts[-1]
    return [
        bytes((kind, (_FIRST if start == 0 else 0) | (_LAST if start == last else 0)))
        + message[start : start + PACKET]
        for start in starts
    ]


def _arrived(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)
