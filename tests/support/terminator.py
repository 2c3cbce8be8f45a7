"""TLS in front of an upstream that speaks none."""

from __future__ import annotations

import asyncio
import ssl

from tests.support.background import Background
from tests.support.scripted import ScriptedUpstream


class Terminator(Background):
    """Takes TLS off in front of a plain upstream."""

    def __init__(self, upstream: ScriptedUpstream, context: ssl.SSLContext) -> None:
        super().__init__("localhost", context)
        self._upstream = upstream

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copies both ways."""
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream.port)
        try:
            await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))
        finally:
            for one in (writer, up_writer):
                one.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()
