"""What a worker says in its log of upstreams that do not serve: why, in our own words, and for whom.

Counters tell how often; what is to be done about it says only the reason. A line a minute at most for each
variant and kind; the next one says how many were left out.
"""

from __future__ import annotations

import logging
from typing import Any

from gateway.data.attempt import Attempt
from gateway.data.upstream_error import WITHOUT_QUOTA
from routing.breaker import Breaker
from routing.fallback import Result

EVERY = 60.0
"""Seconds at least between two lines that say the same."""
CREDENTIALS = ("credentials_refused", "refused our credentials")
DENIALS = {
    404: ("model_unknown", "does not know the model, or has nothing at its path"),
    **dict.fromkeys(WITHOUT_QUOTA, ("quota_exhausted", "has no quota left")),
}
"""Event and words of a denial by its status; `CREDENTIALS` for all others."""
Place = tuple[str, str, str]
"""Upstream, route and variant."""
log = logging.getLogger("headgate.worker")


class Troubles:
    """Those of one worker. Names are the configuration's; nothing of a request's or an answer's is told.

    `now` is on the monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._said: dict[tuple[str, Place], float] = {}
        """When, by event."""
        self._left_out: dict[tuple[str, Place], int] = {}
        self._opened: dict[Place, Breaker] = {}
        """Breakers of which it was told that they have opened."""

    def failed(self, route: str, attempt: Attempt, now: float) -> None:
        """An attempt has failed; said is only what an operator has to mend."""
        if attempt.result is Result.REFUSED:
            self._unserved("upstream_unreachable", "cannot be reached", attempt.detail, route, attempt, now)
        elif attempt.result is Result.DENIED and attempt.answer is not None:
            status = attempt.answer.status
            self._unserved(*DENIALS.get(status, CREDENTIALS), str(status), route, attempt, now)

    def _unserved(
        self, event: str, words: str, reason: str, route: str, attempt: Attempt, now: float
    ) -> None:
        variant = attempt.variant
        place = variant.upstream, route, variant.name
        left_out = self._turn(event, place, now)
        if left_out is not None:
            more = f"; {left_out} like it since this was last said" if left_out else ""
            log.warning(
                "upstream %s %s (%s) for route %s, variant %s%s",
                variant.upstream, words, reason, route, variant.name, more,
                extra={"fields": _fields(event, place, reason=reason, left_out=left_out)},
            )  # fmt: skip

    def turned(self, route: str, attempt: Attempt, breaker: Breaker, now: float) -> None:
        """A breaker has opened, was opened anew by a probe that failed, or has closed.

        That it has closed is said where it was said that it is open, so that the last line is always true.
        """
        upstream, variant = attempt.variant.upstream, attempt.variant.name
        place = upstream, route, variant
        if breaker.closed:
            if self._opened.pop(place, None) is breaker:
                log.info(
                    "the breaker of route %s, variant %s (upstream %s) has closed", route, variant, upstream,
                    extra={"fields": _fields("breaker_closed", place)},
                )  # fmt: skip
            return
        if self._opened.get(place) is breaker or self._turn("breaker_opened", place, now) is None:
            return
        self._opened[place] = breaker
        pause, share = round(breaker.until - now, 3), round(breaker.share(now), 3)
        log.warning(
            "the breaker of route %s, variant %s (upstream %s) has opened for %g s: %d errors in a row, "
            "%.0f %% of the latest calls, the last one %s",
            route, variant, upstream, pause, breaker.row, share * 100.0, attempt.result.value,
            extra={
                "fields": _fields(
                    "breaker_opened", place, result=attempt.result.value, errors_in_row=breaker.row,
                    error_share=share, pause_seconds=pause,
                )
            },
        )  # fmt: skip

    def _turn(self, event: str, place: Place, now: float) -> int | None:
        """How many lines of the kind were left out since the last one; None where this one has to be, too."""
        kind = event, place
        if now < self._said.get(kind, float("-inf")) + EVERY:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        self._said[kind] = now
        return self._left_out.pop(kind, 0)


def _fields(event: str, place: Place, **more: Any) -> dict[str, Any]:
    upstream, route, variant = place
    return {"event": event, "upstream": upstream, "route": route, "variant": variant, **more}
