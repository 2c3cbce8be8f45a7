"""A rehearsal before a worker is ready: each of litellm's vendors answers once, from nowhere.

litellm puts off most of its imports to the first call of a vendor, which then takes half a second; in a
worker that serves it would hold up every other request for as long.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import monotonic

import httpx

from gateway.providers.base import Call
from gateway.providers.translated import TranslatedAnswer, begin
from gateway.providers.wire import Passage, Wires
from routing.snapshot import Snapshot, Timeouts, Upstream

LONGEST = 10.0
"""Seconds that one call may take."""
_COMPLETION = (
    b'{"id":"rehearsal","object":"chat.completion","created":0,"model":"none","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,'
    b'"completion_tokens":1,"total_tokens":2}}'
)
_CHUNK = (
    b'data: {"id":"rehearsal","object":"chat.completion.chunk","created":0,"model":"none","choices":['
    b'{"index":0,"delta":{"role":"assistant","content":"."},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Rehearsal(Passage):
    """A passage that leads nowhere: whatever is sent is answered here, in OpenAI's format."""

    told = False

    async def send(self, request: httpx.Request) -> httpx.Response:
        """The answer; to vendors of another format it is garbage, which they load their code to find out."""
        self.sent, self.status = True, 200
        kind = "text/event-stream" if self.call.stream else "application/json"
        body = _CHUNK if self.call.stream else _COMPLETION
        return httpx.Response(200, headers={"content-type": kind}, content=body, request=request)


async def rehearse(snapshot: Snapshot) -> None:
    """Lets each vendor answer, plainly and streamed; how it ends says nothing."""
    models = {
        variant.model.partition("/")[0]: variant.model
        for route in snapshot.routes.values()
        for variant in route.variants.values()
        if snapshot.upstreams[variant.upstream].provider == "litellm"
    }
    models.pop("gemini", None)  # has its own way
    wires = Wires(Upstream("rehearsal", "litellm"))
    for model in models.values():
        for stream in (False, True):
            call = Call("/chat/completions", b"", b"", stream, Timeouts(), monotonic() + LONGEST)
            answer = begin(
                Rehearsal(wires, call), model, [{"role": "user", "content": "."}], {}, key="", url=""
            )
            await asyncio.get_running_loop().create_task(_listen(answer))


async def _listen(answer: TranslatedAnswer) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(LONGEST):
            await answer.arrive()
            while await answer.read():
                pass
    answer.close()
