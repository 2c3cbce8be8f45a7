"""Hot reload: an edit of the configuration is served within two seconds, or refused with its problems.

Files are compared by content, looked at anew each time: a Kubernetes ConfigMap is updated by swapping a
symlink, which leaves a watched inode unchanged for ever. What workers that are running cannot take up is
brought to bear by new ones, which replace them without a failed request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from time import time

from config.problems import ConfigError
from gateway.control.plane import Plane
from gateway.control.source import Source, fingerprint, load_printed
from gateway.log import VALUELESS
from gateway.providers.registry import ProviderRefused
from gateway.rhythm import next_moment_or
from gateway.store.registry import StoreRefused

LOOK = 1.0
"""Seconds between two looks at the files."""
log = logging.getLogger("headgate.control")


class Reloader:
    """Watches the files that the plane's source was read from."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._asked = asyncio.Event()
        self._seen: Mapping[Path, bytes] = plane.source.prints
        self._refused: list[str] | None = None

    def ask(self) -> None:
        """Reads the configuration again now, changed or not (SIGHUP)."""
        self._asked.set()

    async def watch(self) -> None:
        """Looks for ever."""
        while True:
            await next_moment_or(self._asked, LOOK)
            asked = self._asked.is_set()
            self._asked.clear()
            path = self._plane.source.path
            if path is not None:
                await self._look(path, asked)
            elif asked:
                log.info("the configuration comes from environment variables; restart to change it")

    async def _look(self, path: Path, asked: bool) -> None:
        """One look.

        While an edit is refused every look reads it again: what it misses (an included file, say) may come
        without another edit. It is reported once.
        """
        now = await asyncio.to_thread(fingerprint, self._seen)
        if now == self._seen and self._refused is None and not asked:
            return
        changed = now != self._seen
        self._seen = now
        if asked:
            self._refused = None
        try:
            source = await asyncio.to_thread(_succeed, self._plane.source, path, now)
        except ConfigError as error:
            self._refuse([problem.located(error.source) for problem in error.problems], changed, VALUELESS)
            return
        except (ProviderRefused, StoreRefused) as error:
            self._refuse([str(error)], changed)
            return
        self._refused = None
        self._seen = source.prints
        stale = outdated(self._plane.source, source)
        heavier = source.snapshot.translates and not self._plane.snapshot.translates
        moved = self._plane.source.loaded.config.store != source.loaded.config.store
        await self._plane.adopt(source)
        if moved:
            log.warning("the store is another one now; that takes effect when the gateway is started again")
        log.info("configuration reloaded, serving revision %d", self._plane.snapshot.revision)
        self._plane.rollouts.events.publish("reload", {"revision": self._plane.snapshot.revision})
        if stale:
            log.info("files of upstreams have changed, which takes new workers: %s", ", ".join(stale))
        if heavier:
            log.info("a variant needs litellm, which takes new workers: loading it would hold up the others")
        if stale or heavier:
            await self._plane.roll()
        for warning in source.loaded.warnings:
            log.warning("%s", warning, extra=VALUELESS)
        self._plane.metrics.reload_failed(self._faulty(source))

    def _faulty(self, source: Source) -> int:
        """Tells of models that cannot be used; returns how many there are."""
        faults = source.estimators.faults(source.loaded.config)
        for fault in faults:
            log.error("%s", fault)
        return len(faults)

    def _refuse(self, problems: list[str], changed: bool, extra: Mapping[str, object] | None = None) -> None:
        if problems == self._refused and not changed:
            return
        self._refused = problems
        self._plane.metrics.reload_failed()
        for problem in problems:
            log.error("edit refused: %s", problem, extra=extra)
        log.error("the configuration is not valid; revision %d is served on", self._plane.snapshot.revision)


def outdated(before: Source, after: Source) -> list[str]:
    """The upstreams that workers would go on using as they are, although a file of theirs is another now.

    A worker keeps the provider of an upstream whose definition is the same, and with it what that has read
    from its files: certificates of an authority (`ca_file`), tasks (`book`).
    """
    return [
        name
        for name, upstream in after.snapshot.upstreams.items()
        if before.snapshot.upstreams.get(name) == upstream
        and any(
            before.prints.get(Path(file)) != after.prints.get(Path(file))
            for file in (upstream.ca_file, upstream.options.get("book"))
            if file
        )
    ]


def _succeed(source: Source, path: Path, before: Mapping[Path, bytes]) -> Source:
    """Loads and compiles. Raises ConfigError, ProviderRefused, StoreRefused."""
    loaded, prints = load_printed(path, before)
    return source.succeeded_by(loaded, prints, time())
