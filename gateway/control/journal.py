"""The journal of outcomes: what has been acknowledged is in it, and survives the death of any process.

Segments of frames, each `length crc payload`, appended and synchronised together for all who wait (group
commit), read again in order, and deleted once everything in them has been consumed. Where reading has come
to is kept beside them. A frame that was torn by a crash was never acknowledged; it is cut off at the start.
"""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from gateway.state import take_place

log = logging.getLogger("headgate.control")

SEGMENT = 16 * 1024 * 1024
"""Bytes after which a new segment begins."""
BOUND = 1024 * 1024 * 1024
"""Bytes that may wait to be consumed."""
READ = 1024 * 1024
"""Bytes read at once."""
_frame = Struct(">II")
_SUFFIX = ".journal"


def open_journal(directory: Path) -> Journal:
    """The first journal below `directory` that no other gateway has open. Raises Unusable, OSError."""
    return Journal(take_place(directory))


class Full(Exception):
    """As much is waiting to be consumed as the journal may hold."""


class Journal:
    """One directory, of one process at a time."""

    def __init__(self, directory: Path, *, bound: int = BOUND, segment: int = SEGMENT) -> None:
        """Opens the journal and makes the directory if need be. Raises OSError."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._bound = bound
        self._segment = segment
        self._pending: list[tuple[bytes, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._place = os.open(directory / "position", os.O_RDWR | os.O_CREAT, 0o600)
        numbers = self._numbers()
        self._read_number, self._read_at = self._position(numbers)
        for number in numbers:
            if number < self._read_number:
                self._path(number).unlink()
        self._writing = numbers[-1] if numbers else self._read_number
        self._file = self._open(self._writing)
        self._end = _whole(self._path(self._writing))
        os.ftruncate(self._file, self._end)
        self._next = self._read_number, self._read_at  # behind what was read last
        self.waiting = sum(self._path(number).stat().st_size for number in self._numbers()) - self._read_at
        """Bytes not yet consumed."""
        if self.waiting:
            self._news.set()

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────

    async def append(self, payload: bytes) -> None:
        """Returns when `payload` is on the disk. Raises Full, OSError; then it is not, or may not be."""
        if self.waiting + len(payload) > self._bound:
            raise Full
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append((_frame.pack(len(payload), zlib.crc32(payload)) + payload, done))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await done

    async def _commit(self) -> None:
        """Writes what is pending until nothing is; what comes meanwhile goes with the next round."""
        while self._pending:
            batch, self._pending = self._pending, []
            data = b"".join([frame for frame, _ in batch])
            try:
                await asyncio.to_thread(self._write, data)
            except OSError as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            self.waiting += len(data)
            self._news.set()
            for _, done in batch:
                if not done.done():
                    done.set_result(None)
        self._committing = None

    def _write(self, data: bytes) -> None:
        """Appends to the segment, whole or not at all. Raises OSError."""
        if self._end >= self._segment:
            file = self._open(self._writing + 1)
            os.close(self._file)
            self._file, self._writing, self._end = file, self._writing + 1, 0
        try:
            at = self._end
            view = memoryview(data)
            while view:
                written = os.pwrite(self._file, view, at)
                at += written
                view = view[written:]
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end = at

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────

    async def read(self) -> list[bytes]:
        """Waits for entries that have not been consumed and returns the oldest of them, in their order."""
        while True:
            await self._news.wait()
            entries = self._take()
            if entries:
                return entries

    def _take(self) -> list[bytes]:
        number, at = self._read_number, self._read_at
        end = self._end if number == self._writing else self._path(number).stat().st_size
        with open(self._path(number), "rb") as file:
            file.seek(at)
            data = file.read(min(end - at, READ))
            whole = list(_frames(data))
            if data and not whole and end - at > READ:  # one entry longer than what is read at once
                data += file.read(_frame.size + _frame.unpack_from(data)[0] - len(data))
                whole = list(_frames(data))
        if whole:
            self._next = number, at + sum(map(len, whole)) + _frame.size * len(whole)
        elif number < self._writing:
            self._leave(number, end - at)
        else:
            self._news.clear()
        return whole

    def _leave(self, number: int, unreadable: int) -> None:
        """Goes on to the next segment; this one has been consumed."""
        if unreadable:
            log.error("%s: %d bytes cannot be read and are lost", self._path(number), unreadable)
        self.waiting -= unreadable
        self._next = number + 1, 0
        self.consumed()
        self._path(number).unlink()

    def consumed(self) -> None:
        """What was read last need not be read again."""
        if self._next[0] == self._read_number:
            self.waiting -= self._next[1] - self._read_at
        self._read_number, self._read_at = self._next
        os.pwrite(self._place, b"%020d %020d\n" % self._next, 0)

    async def close(self) -> None:
        """Ends what is being written and closes the files."""
        if self._committing is not None:
            await self._committing
        os.close(self._file)
        os.close(self._place)

    # ── files ────────────────────────────────────────────────────────────────────────────────────────

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}{_SUFFIX}"

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._directory.glob(f"*{_SUFFIX}"))

    def _open(self, number: int) -> int:
        file = os.open(self._path(number), os.O_RDWR | os.O_CREAT, 0o600)
        entry = os.open(self._directory, os.O_RDONLY)
        os.fsync(entry)  # else a crash could lose the file's name, and with it what was acknowledged
        os.close(entry)
        return file

    def _position(self, numbers: list[int]) -> tuple[int, int]:
        """Where reading begins: what the file says, if that segment is there; else with the oldest."""
        said = os.pread(self._place, 64, 0).split()
        number, at = map(int, said) if len(said) == 2 else (0, 0)
        if number in numbers and at <= self._path(number).stat().st_size:
            return number, at
        return (numbers[0], 0) if numbers else (number + 1, 0)


def _frames(data: bytes) -> Iterator[bytes]:
    """The payloads of the whole frames with which `data` begins."""
    at = 0
    while at + _frame.size <= len(data):
        length, checksum = _frame.unpack_from(data, at)
        payload = data[at + _frame.size : at + _frame.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return
        yield payload
        at += _frame.size + length


def _whole(path: Path) -> int:
    """The bytes of a segment before its first torn frame."""
    return sum(_frame.size + len(payload) for payload in _frames(path.read_bytes()))
