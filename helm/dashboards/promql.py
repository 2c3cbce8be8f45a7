"""What the panels' queries are put together from.

Counters are added up over replicas (`sum by` of a `rate`); gauges that every replica takes from the shared
store are equal, so `shared` takes one of them. `$route`, `$segment`, `$variant` and `$interval` are the
dashboards' variables, `$__range` the time that is shown.
"""

from __future__ import annotations

ROUTE = 'route=~"$route"'
SEGMENT = f'{ROUTE}, segment=~"$segment"'
VARIANT = f'{SEGMENT}, variant=~"$variant"'
PLACE = "route, segment, variant"
"""The labels of one variant of a segment; VARIANT selects them."""

INTERVAL = "$interval"
RANGE = "$__range"

FAILED = 'status=~"upstream_error|timeout|shed"'
"""What a client could not help: its own mistakes and cancellations are not among them."""
PASSED = 'metric="validation_passed", value="true"'
JUDGED = 'metric="validation_passed", value=~"true|false"'

Z = 1.96
"""The standard normal distribution's 97.5th percentile: two-sided 95 %."""


def rate(metric: str, by: str = PLACE, where: str = VARIANT, window: str = INTERVAL) -> str:
    """How much a counter grew a second."""
    return f"sum{_by(by)} (rate({metric}{_where(where)}[{window}]))"


def increase(metric: str, by: str = PLACE, where: str = VARIANT, window: str = INTERVAL) -> str:
    """How much a counter grew in the window."""
    return f"sum{_by(by)} (increase({metric}{_where(where)}[{window}]))"


def shared(metric: str, where: str = VARIANT) -> str:
    """A gauge that is equal on every replica."""
    return f"max without (instance, pod) ({metric}{_where(where)})"


def quantile(share: float, histogram: str, by: str = PLACE, where: str = VARIANT) -> str:
    """A quantile of a histogram over the interval."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', labels, where)})"


def zero(expression: str, by: str = PLACE, where: str = VARIANT) -> str:
    """The same, and 0 for whoever had requests but none of this: a counter begins with its first event."""
    return f"{expression} or 0 * {rate('headgate_requests_total', by, where)}"


def errors(by: str = PLACE, where: str = VARIANT) -> str:
    """The share of requests that failed."""
    failed = zero(rate("headgate_requests_total", by, f"{where}, {FAILED}"), by, where)
    return f"({failed}) / {rate('headgate_requests_total', by, where)}"


def passed(window: str) -> str:
    """Validated successes in the window."""
    none = f"0 * {increase('headgate_outcomes_total', where=f'{VARIANT}, {JUDGED}', window=window)}"
    return f"({increase('headgate_outcomes_total', where=f'{VARIANT}, {PASSED}', window=window)} or {none})"


def judged(window: str) -> str:
    """Requests in the window of which it is known whether they passed."""
    return increase("headgate_outcomes_total", where=f"{VARIANT}, {JUDGED}", window=window)


def pass_rate(window: str) -> str:
    """The share of judged requests that passed."""
    return f"{passed(window)} / {judged(window)}"


def wilson(sign: str, window: str) -> str:
    """One bound of the pass rate's 95 % score interval, `sign` - or + (Wilson, JASA 1927).

    With s of n passed: (s + z²/2 ± z·√(s·(n - s)/n + z²/4)) / (n + z²). Assumes independent requests; several
    of one user make the true interval wider.
    """
    n, s = judged(window), passed(window)
    spread = f"{Z} * sqrt({s} * ({n} - {s}) / {n} + {Z**2 / 4:.4f})"
    return f"({s} + {Z**2 / 2:.4f} {sign} {spread}) / ({n} + {Z**2:.4f})"


def spent(window: str) -> str:
    """USD in the window; nothing for a variant that has no price, which costs something all the same."""
    return f"({increase('headgate_cost_usd_total', window=window)} > 0)"


def per_request(window: str) -> str:
    """USD an answered request; what failed calls cost is in it."""
    answered = increase("headgate_requests_total", where=f'{VARIANT}, status="ok"', window=window)
    return f"{spent(window)} / {answered}"


def per_success(window: str) -> str:
    """USD a validated success: right also where only some requests are judged."""
    return f"({per_request(window)}) / ({pass_rate(window)} > 0)"


def per_thousand_items(window: str) -> str:
    """USD for a thousand of what the requests carried (`x-headgate-items`)."""
    return f"1000 * {spent(window)} / {increase('headgate_items_total', window=window)}"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def _where(matchers: str) -> str:
    return f"{{{matchers}}}" if matchers else ""
