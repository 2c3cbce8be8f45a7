"""Everything that this replica does about rollouts, put together."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import isinf
from time import monotonic, time
from typing import Any

from config.schema import Config
from gateway.channel.records import Exposure, Line
from gateway.control.controller.book import Book, Look
from gateway.control.controller.commands import Commands
from gateway.control.controller.controller import Controller
from gateway.control.controller.events import Events
from gateway.control.controller.follow import Follower
from gateway.control.controller.heartbeat import Heart
from gateway.control.controller.notify import Notifier
from gateway.control.controller.queries import Queries
from gateway.control.controller.recent import Newest
from gateway.control.controller.wishes import Wish, name_of, settled_on, wishes_of
from gateway.control.metrics import Metrics
from gateway.control.rollout_series import Shown, View
from gateway.store.base import Store
from routing.rollout.document import Document
from routing.rollout.evaluate import evaluate
from routing.rollout.observed import NOTHING
from routing.rollout.reading import reading
from routing.rollout.transition import Step
from routing.rollout.verdict import Evaluation

log = logging.getLogger("headgate.control")


class Rollouts:
    """Belongs to one event loop.

    `documents` are those last known on this machine; `changed` is called when what is to be served has
    changed, `met` is awaited when the store answers for the first time, or again.
    """

    def __init__(
        self,
        store: Store,
        replica: str,
        documents: Mapping[str, Document],
        metrics: Metrics,
        changed: Callable[[], None],
        met: Callable[[], Awaitable[None]],
    ) -> None:
        self._replica = replica
        self._metrics = metrics
        self._newest = Newest()
        self._queries = Queries()
        self._notifier = Notifier()
        self.events = Events(store)
        self._book = book = Book(documents, changed, self.events.changed)
        self._follower = Follower(store, book, met)
        heart = Heart(store, replica, book, self._newest)
        self._controller = Controller(
            store, replica, book, self._follower, heart, self._newest, self._queries, self._told
        )
        self._controller.failing = metrics.failed_probes
        self.commands = Commands(book, self._follower, self._controller)
        metrics.show_rollouts(self._shown)

    @property
    def documents(self) -> Mapping[str, Document]:
        """What is known, by rollout."""
        return self._book.documents

    @property
    def names(self) -> list[str]:
        """The configured rollouts of which there is a document."""
        return [name for name in self._book.wishes if name in self._book.documents]

    def take(self, config: Config) -> None:
        """The configuration that is being served from now on."""
        self._book.wishes = wishes_of(config)
        self._queries.url = config.prometheus.url.get_secret_value() if config.prometheus else ""
        self._queries.queries = {name: wish.plan.queries for name, wish in self._book.wishes.items()}
        self._controller.settled = lambda document: settled_on(config, document)

    def add(self, line: Line, exposures: Sequence[Exposure]) -> None:
        """Requests have ended."""
        wish = self._book.wishes.get(name_of(line.route, line.segment))
        if wish is not None:
            self._newest.add(wish.name, line.variant == wish.identity.baseline, line, exposures)

    def changed(self, name: str) -> None:
        """There is new evidence."""
        self._book.look(name).news = True

    def reading(self, name: str, when: Callable[[int], Any]) -> dict[str, Any]:
        """How a configured rollout stands; `when` writes a time."""
        wish, document, look = self._book.wishes[name], self._book.documents[name], self._book.look(name)
        told = reading(document, wish.plan, _evaluation(wish, document, look), look.intervals, when)
        told["warnings"] += self._warnings(wish, document, look)
        return told

    def _warnings(self, wish: Wish, document: Document, look: Look) -> Iterator[str]:
        """What keeps a reading from being what is: this replica is cut off, or has another file."""
        if not self._follower.reached:
            yield f"the store does not answer; figures are {_age(look)}"
        if not document.about(wish.identity.definition):
            yield "this replica's configuration has other variants: it serves the baseline until they agree"

    def work(self) -> Iterable[Coroutine[Any, Any, None]]:
        """What has to be done for ever."""
        return self._follower.follow(), self._controller.run(), self._queries.ask()

    async def close(self) -> None:
        """Lets another replica lead, and lets go."""
        await self._controller.leave()
        await self._notifier.close()

    def _told(self, before: Document, step: Step, wish: Wish) -> None:
        document, transition = step.document, step.transition
        if transition is not None:
            log.warning(
                "rollout %s: %s → %s at %g %% (%s)", document.name, transition.before, transition.after,
                transition.weight / 100, transition.cause,
            )  # fmt: skip
            self._metrics.moved(
                (document.route, document.segment, transition.before, transition.after, transition.cause)
            )
            self._notifier.tell(wish.notify, document, transition)
        if document.recommendation is not None and document.recommendation != before.recommendation:
            self._notifier.recommend(wish.notify, document)

    def _shown(self) -> View:
        """What Prometheus sees."""
        shown = [self._show(name) for name in self.names]
        return View(self._replica, self._controller.leads, self._follower.reached, shown)

    def _show(self, name: str) -> Shown:
        wish, document, look = self._book.wishes[name], self._book.documents[name], self._book.look(name)
        evaluation = None if look.observed is None else _evaluation(wish, document, look)
        return Shown(document, wish.plan.number(document.stage), evaluation)


def _evaluation(wish: Wish, document: Document, look: Look) -> Evaluation:
    """The last look's; of a rollout that has moved since, what that look has seen as it stands now."""
    if look.evaluation is not None:
        return look.evaluation
    return evaluate(document, wish.plan, look.observed or NOTHING, document.since)


def _age(look: Look) -> str:
    """Of when the figures of a look are."""
    if look.observed is None or isinf(look.taken):
        return "not known"
    then = datetime.fromtimestamp(time() - (monotonic() - look.taken), UTC)
    return f"of {then:%Y-%m-%d %H:%M} UTC"
