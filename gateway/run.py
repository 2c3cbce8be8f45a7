"""One coroutine a request, resumed without the event loop's queue.

An `asyncio.Task` is woken through a future and a turn of the event loop; on the request path that costs as
much as the routing itself. A `Run` drives a coroutine too, but a `Gate` that it waits at resumes it
directly, inside the protocol callback that brought the awaited bytes. Asyncio's own futures (and so tasks)
may be awaited as well. What needs `asyncio.current_task` (`asyncio.timeout`, task groups) belongs in a
task of its own, which a run may await.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

T = TypeVar("T")
OVER: Final = object()


class Gate:
    """What a run waits at until somebody opens it. One run at a time; a closed gate remembers nothing."""

    def __init__(self) -> None:
        self.waiter: Run | None = None

    def __await__(self) -> Generator[Gate, None, None]:
        yield self

    def open(self) -> None:
        """Resumes the waiting run, if there is one, before returning."""
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            waiter.resume()


class Run:
    """Drives `coroutine` to its end, then calls `on_end` with the exception that ended it, or None."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, None], on_end: Callable[[BaseException | None], None]
    ) -> None:
        self._steps = coroutine.__await__()
        self._on_end = on_end
        self._waiting: Gate | asyncio.Future[Any] | None = None
        self._cancelled = False

    def resume(self) -> None:
        """Runs the coroutine up to its next wait, or to its end."""
        self._waiting = None
        try:
            waiting = next(self._steps, OVER)  # cheaper than to catch how it ends
        except BaseException as error:
            self._on_end(error)
        else:
            if waiting is OVER:
                self._on_end(None)
            else:
                self._wait(waiting)

    def cancel(self, msg: object = None) -> None:
        """Raises `asyncio.CancelledError` in the coroutine where it waits, at once.

        Asked from within the coroutine itself, at its next wait. `msg` is accepted as tasks do.
        """
        waiting = self._waiting
        self._cancelled = True
        if isinstance(waiting, Gate):
            waiting.waiter = None
            self._throw()
        elif waiting is not None:
            waiting.cancel()

    def _wait(self, waiting: Any) -> None:
        if isinstance(waiting, Gate):
            self._waiting = waiting
            if self._cancelled:
                self._throw()
            else:
                waiting.waiter = self
        elif waiting is None:  # asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(self.resume)
        else:
            waiting._asyncio_future_blocking = False
            self._waiting = waiting
            waiting.add_done_callback(self._woken)
            if self._cancelled:
                waiting.cancel()

    def _woken(self, _: asyncio.Future[Any]) -> None:
        self.resume()

    def _throw(self) -> None:
        self._waiting = None
        self._cancelled = False
        try:
            waiting = self._steps.throw(asyncio.CancelledError())
        except StopIteration:
            self._on_end(None)
        except BaseException as error:
            self._on_end(error)
        else:
            self._wait(waiting)


async def in_task(awaitable: Awaitable[T]) -> T:
    """Awaits in a task what waits at gates, which a task cannot do by itself; cancelled with it."""
    ended: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def carry() -> None:
        ended.set_result(await awaitable)

    def on_end(error: BaseException | None) -> None:
        if error is not None and not ended.done():
            ended.set_exception(error)

    run = Run(carry(), on_end)
    run.resume()
    try:
        return await ended
    except asyncio.CancelledError:
        run.cancel()
        raise
