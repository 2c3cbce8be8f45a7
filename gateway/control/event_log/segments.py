"""The event log's files: segments of compressed lines, begun anew by size and by day, the oldest deleted.

    log/2026-11-21T00-00-00Z-000001.jsonl.zst      when it was begun (UTC), and a number that grows

A segment that is being written is writable and locked. A finished one is read-only. One that is writable and
not locked was left by a process that died: what was torn of it is cut off, and it is written on or finished.
So several gateways may use one directory, and none ever writes, cuts or deletes what another is writing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import NamedTuple

from gateway.control.event_log.frames import frame, whole

log = logging.getLogger("headgate.control")

SEGMENT = 64 * 1024 * 1024
"""Compressed bytes after which a new segment begins; with a small `max_size` an eighth of that."""
DAY = 86_400.0
TORN = 64 * 1024 * 1024
"""Bytes that a crash can have torn, a batch at most. Behind more than that the damage has another cause."""
RESERVE, SHARE = 1 << 30, 20
"""Bytes of the disk left to others, the journal of outcomes first: these, or a 20th of a smaller disk."""
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)-(\d{6,})\.jsonl\.zst")
_FINISHED = 0o400
_BEGUN = "%Y-%m-%dT%H-%M-%SZ"


class Found(NamedTuple):
    """A segment in the directory; `begun` in seconds since 1970, `size` in bytes."""

    begun: float
    number: int
    path: Path
    size: int
    mode: int


class Segments:
    """The segments of one directory, and the one that this process writes. Nothing in it waits for others.

    To be used by one thread at a time. `retention` in seconds, `max_size` in bytes; both may change.
    """

    def __init__(self, directory: Path, now: Callable[[], float]) -> None:
        """Touches nothing yet. `now` is the wall clock."""
        self._directory = directory
        self._now = now
        self.retention = 30 * DAY
        self.max_size = 10 << 30
        self._file: int | None = None
        self._path = directory
        self._begun = 0.0
        self._end = 0
        self._total = 0

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes | bytearray) -> None:
        """Appends a batch of lines and has it on the disk, whole or not at all. Raises OSError."""
        batch = frame(data)
        self._check_room(len(batch))
        if self._total + len(batch) > self.max_size:
            self.tidy(len(batch))
        if self._file is not None and self._full(self._begun, self._end):
            self._finish()
        if self._file is None or self._gone(self._file):
            self._begin()
        assert self._file is not None
        try:
            _write_at(self._file, batch, self._end)
            os.fdatasync(self._file)
        except OSError:
            try:
                os.ftruncate(self._file, self._end)
            except OSError:
                self.leave()  # unfinished: what is torn of it is cut off when it is found again
            raise
        self._end += len(batch)
        self._total += len(batch)

    def _check_room(self, size: int) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = os.statvfs(self._directory)
        if disk.f_bavail * disk.f_frsize - size < min(RESERVE, disk.f_blocks * disk.f_frsize // SHARE):
            raise OSError(errno.ENOSPC, "what is left of the disk is kept for outcomes", str(self._directory))

    def _begin(self) -> None:
        self.leave()
        now = self._now()
        for number in count(1 + max((found.number for found in self._found()), default=0)):
            path = self._directory / f"{datetime.fromtimestamp(now, UTC):{_BEGUN}}-{number:06d}.jsonl.zst"
            with contextlib.suppress(FileExistsError):
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                if _locked(file):
                    break
                os.close(file)  # another gateway found it first
        self._file, self._path, self._begun, self._end = file, path, now, 0
        self._sync_directory()

    def _full(self, begun: float, size: int) -> bool:
        """Whether what comes now belongs into the next segment."""
        now = self._now()
        return (
            size >= min(SEGMENT, self.max_size // 8)
            or now // DAY != begun // DAY
            or now - begun >= self._span
        )

    def _gone(self, file: int) -> bool:
        """Whether somebody has deleted the segment being written, or moved it away."""
        try:
            return not os.path.samestat(os.stat(self._path), os.fstat(file))
        except FileNotFoundError:
            return True

    @property
    def _span(self) -> float:
        """Seconds that one segment holds at most: as long may its first event outlive the retention."""
        return min(DAY, self.retention / 10)

    def _finish(self) -> None:
        """The segment being written gets no more."""
        if self._file is not None:
            os.fchmod(self._file, _FINISHED)
            self.leave()

    def leave(self) -> None:
        """Lets go of the segment being written; whoever comes next goes on with it."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    # ── what is there ────────────────────────────────────────────────────────────────────────────────

    def tidy(self, room: int = 0) -> None:
        """Takes over what dead processes left, and deletes what is too old, or too much. Raises OSError.

        `room`: bytes that are to be written yet.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._file is not None and self._full(self._begun, self._end):
            self._finish()
        for found in self._found():
            if found.mode & stat.S_IWUSR:
                try:
                    self._take_over(found)
                except OSError as error:
                    log.warning("the event log's segment %s cannot be mended: %s", found.path, error)
        segments = self._found()
        self._total = sum(found.size for found in segments)
        oldest = self._now() - self.retention - self._span
        for found in segments:
            if not found.mode & stat.S_IWUSR and (found.begun < oldest or self._total + room > self.max_size):
                found.path.unlink(missing_ok=True)
                self._total -= found.size

    def _take_over(self, found: Found) -> None:
        """Mends a segment that nobody writes any more, and goes on with it if it has room."""
        file = os.open(found.path, os.O_RDWR)
        try:
            if not _locked(file) or not os.fstat(file).st_mode & stat.S_IWUSR:
                return  # it is being written, or has been finished meanwhile
            end = _mend(file, found)
            if self._file is None and end is not None and not self._full(found.begun, end):
                self._file, self._path, self._begun, self._end = file, found.path, found.begun, end
                return
            os.fchmod(file, _FINISHED)
        finally:
            if file != self._file:
                os.close(file)

    def _found(self) -> list[Found]:
        """The segments of the directory, the oldest first; files of other names are none of ours."""
        segments = []
        with os.scandir(self._directory) as entries:
            for entry in entries:
                if (name := _NAME.fullmatch(entry.name)) is None:
                    continue
                with contextlib.suppress(FileNotFoundError, ValueError):  # deleted meanwhile; no such day
                    begun = datetime.strptime(name[1], _BEGUN).replace(tzinfo=UTC).timestamp()
                    told = entry.stat(follow_symlinks=False)
                    segments.append(Found(begun, int(name[2]), Path(entry), told.st_size, told.st_mode))
        return sorted(segments)

    def _sync_directory(self) -> None:
        """Else a crash could lose the file's name, and with it what is in it."""
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _mend(file: int, found: Found) -> int | None:
    """Cuts a torn frame off; the segment's size, or None when it is damaged otherwise and left as it is."""
    size = os.fstat(file).st_size
    with open(file, "rb", closefd=False) as reader:
        end = whole(reader.read())
    if size - end > TORN:
        log.error("%s: cannot be read behind its byte %d", found.path, end)
        return None
    if end < size:
        log.warning("%s: %d bytes that were torn by a crash have been cut off", found.path, size - end)
        os.ftruncate(file, end)
        os.fsync(file)
    return end


def _locked(file: int) -> bool:
    """Locks the file, unless another has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_at(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        at += written
        view = view[written:]
