"""An upstream for large bodies: it takes and gives any number of bytes and keeps none of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.support.background import Background

BLOCK = bytes(range(256)) * 256
"""64 KiB, of which downloads consist."""


@dataclass
class Taken:
    """One request: its head, and its body as far as it was read."""

    method: str
    path: str
    headers: dict[str, str]
    size: int = 0
    digest: str = ""
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)


class FileUpstream(Background):
    """Answers every upload with its size and digest, `?give=N` with N bytes.

    `?break=N` closes the connection after N bytes of an answer, 0 before it.
    `?hold=up` stops reading the body after its first part, `?hold=answer` waits before the answer, both until
    the gate is opened; `?early=STATUS` answers before the body has been read; `?status=STATUS` answers so,
    with `?code=CODE` as an error of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Taken] = []
        self._gate = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def open(self) -> None:
        """Lets everything that is held go on."""
        self._loop.call_soon_threadsafe(self._gate.set)

    def reset(self) -> None:
        """Forgets what it saw, and holds again."""
        self.taken.clear()
        self._loop.call_soon_threadsafe(self._gate.clear)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests of one connection, one after the other."""
        carried: list[Taken] = []
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    taken = await _head(reader)
                    self.taken.append(taken)
                    carried.append(taken)
                    await self._answer(taken, reader, writer)
        finally:
            for taken in carried:
                taken.over.set()
            writer.close()

    async def _answer(self, taken: Taken, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = {name: values[0] for name, values in parse_qs(taken.path.partition("?")[2]).items()}
        if "early" in asked:
            await _say(writer, int(asked["early"]), {"error": {"message": "no more of that"}})
            return
        digest = hashlib.sha256()
        async for part in _body(taken, reader):
            taken.size += len(part)
            digest.update(part)
            if asked.get("hold") == "up":
                await self._gate.wait()
        taken.digest = digest.hexdigest()
        if asked.get("hold") == "answer":
            await self._gate.wait()
        if asked.get("break") == "0":
            raise ConnectionError
        if "give" in asked:
            size = int(asked["give"])
            await _give(writer, taken, size, int(asked.get("break", size)), sized="chunked" not in asked)
        else:
            status = int(asked.get("status", "200"))
            error = {"error": {"code": asked["code"]}} if "code" in asked else {}
            await _say(writer, status, {"id": "file-1", "bytes": taken.size, "digest": taken.digest} | error)


async def _head(reader: asyncio.StreamReader) -> Taken:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    pairs = (line.split(": ", 1) for line in lines[1:] if line)
    return Taken(method, path, {name.lower(): value for name, value in pairs})


async def _body(taken: Taken, reader: asyncio.StreamReader):  # type: ignore[no-untyped-def]
    if "transfer-encoding" in taken.headers:
        while size := int(await reader.readline(), 16):
            yield await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return
    left = int(taken.headers.get("content-length", "0"))
    while left:
        part = await reader.read(min(left, 1 << 18))
        if not part:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(part)
        yield part


async def _say(writer: asyncio.StreamWriter, status: int, body: object) -> None:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n"
    extra = "set-cookie: a=b\r\nserver: inside\r\nx-request-id: up-1\r\nretry-after: 2\r\n\r\n"
    writer.write((head + extra).encode() + content)
    await writer.drain()


async def _give(writer: asyncio.StreamWriter, taken: Taken, size: int, ends: int, *, sized: bool) -> None:
    framing = f"content-length: {size}" if sized else "transfer-encoding: chunked"
    named = 'content-type: text/x-c++\r\ncontent-disposition: attachment; filename="a.cc"'
    writer.write(f"HTTP/1.1 200 OK\r\n{named}\r\n{framing}\r\n\r\n".encode())
    while taken.sent < size:
        block = BLOCK[: size - taken.sent]
        writer.write(block if sized else b"%x\r\n%b\r\n" % (len(block), block))
        await writer.drain()
        taken.sent += len(block)
        if ends <= taken.sent < size:
            raise ConnectionError
    if not sized:
        writer.write(b"0\r\n\r\n")
        await writer.drain()


@contextlib.contextmanager
def file_upstream() -> Iterator[FileUpstream]:
    """One that is served while the block runs."""
    upstream = FileUpstream()
    upstream.start()
    try:
        yield upstream
    finally:
        upstream.stop()
