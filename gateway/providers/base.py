"""The one contract every provider keeps: a call in, an answer or a failure out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from routing.fallback import Result
from routing.snapshot import Timeouts

Headers = list[tuple[bytes, bytes]]


class UpstreamFailure(Exception):
    """An attempt that gave no complete answer; `result` is its reason, also a metric label."""

    def __init__(self, result: Result, detail: str = "") -> None:
        super().__init__(f"{result}: {detail}" if detail else result)
        self.result = result
        self.detail = detail


class Call:
    """One request to an upstream, a POST unless `method` says otherwise.

    `path` is relative to the upstream's base URL (`/chat/completions`); `headers` are the client's
    forwarded ones, as lines with lower-case names, without credentials, which the provider adds. `deadline`
    is on the monotonic clock, in seconds.
    """

    def __init__(
        self,
        path: str,
        headers: bytes,
        body: bytes,
        stream: bool,
        timeouts: Timeouts,
        deadline: float,
        method: str = "POST",
    ) -> None:
        self.path = path
        self.headers = headers
        self.body = body
        self.stream = stream
        self.timeouts = timeouts
        self.deadline = deadline
        self.method = method

    def with_header(self, line: bytes) -> Call:
        """The same call with another header line."""
        headers = self.headers + line
        return Call(self.path, headers, self.body, self.stream, self.timeouts, self.deadline, self.method)


class Transfer(NamedTuple):
    """A request that is handed on as it comes: its body follows in parts.

    `path` and `headers` as in a call; `length` is the body's in bytes, None when it is not known beforehand.
    """

    method: str
    path: str
    headers: bytes
    length: int | None
    timeouts: Timeouts


class Answer(Protocol):
    """An upstream's answer: on its way, then its head, then its body."""

    status: int
    headers: dict[bytes, bytes]
    """Names in lower case; of a repeated one, the last value. Both are known once the answer has arrived."""

    async def arrive(self) -> None:
        """Waits for the head; unless the call is a stream, for the whole body too, which one `read` gives.

        Raises UpstreamFailure when there is no answer to speak of.
        """
        ...

    async def read(self) -> bytes:
        """The next bytes of the body; empty once it has ended completely.

        Raises UpstreamFailure when the body breaks off or stalls.
        """
        ...

    async def each(self, take: Callable[[bytes], bool]) -> None:
        """Hands the parts of the body, and an empty one at the end, to `take` until that returns false.

        Raises UpstreamFailure as `read` does, and what `take` raises.
        """
        ...

    def commit(self) -> None:
        """The stream has begun in earnest: from now on its pauses count, not the time to its first token."""
        ...

    def leave(self) -> None:
        """Nothing more of the answer is wanted, and it is about to end by itself."""
        ...

    def close(self) -> None:
        """Abandons the answer: the upstream call is closed at once if it has not ended."""
        ...


class Provider(Protocol):
    """The adapter of one upstream in one worker."""

    async def send(self, call: Call) -> Answer:
        """Sends a call, whose answer is then on its way. Raises UpstreamFailure when nothing was sent."""
        ...

    def close(self) -> None:
        """Closes idle connections."""
        ...
