"""Cost: per request, per validated success and per 1,000 items, and where it goes."""

from __future__ import annotations

from collections.abc import Callable

from grafana_foundation_sdk.models.dashboard import Dashboard

from helm.dashboards.page import page_of
from helm.dashboards.panels import (
    AMBER,
    COUNT,
    PER_SECOND,
    SHARE,
    USD,
    Panel,
    Query,
    chart,
    number,
    table_of,
)
from helm.dashboards.promql import (
    INTERVAL,
    RANGE,
    ROUTE,
    increase,
    per_request,
    per_success,
    per_thousand_items,
    rate,
    spent,
    zero,
)
from helm.dashboards.variables import Variables

_WHO = "{{route}} / {{segment}} / {{variant}}"
_HOUR = 3600
_SERVED = f'{ROUTE}, variant=~"$variant"'
"""Tokens are counted by route and serving variant only."""


def page() -> Dashboard:
    """The dashboard."""
    return page_of(
        "cost",
        "Cost",
        "What the models cost, by the variant that was assigned, at the prices of the configuration or of the"
        " packaged table.",
        Variables("1h", of="headgate_requests_total"),
        {
            "In the time shown": _totals(),
            "Over time": [
                _over_time("Cost per request", "USD an answered request", per_request),
                _over_time(
                    "Cost per validated success",
                    "Cost of a request divided by the share that passes: what one good answer costs",
                    per_success,
                ),
                _over_time(
                    "Cost per 1,000 items",
                    "USD for a thousand of what requests carry (x-headgate-items; one each if not told)",
                    per_thousand_items,
                ),
                chart(
                    "Spending",
                    "USD an hour at the present rate.",
                    USD,
                    Query(f"{_HOUR} * {rate('headgate_cost_usd_total')}", _WHO),
                    stacked=True,
                ),
            ],
            "Where it goes": _breakdown(),
        },
    )


def _totals() -> list[Panel]:
    return [
        number(
            "Spent",
            "USD in the time shown, all that is chosen above together.",
            USD,
            Query(increase("headgate_cost_usd_total", "", window=RANGE), "spent"),
        ),
        number(
            "Requests",
            "Requests in the time shown.",
            COUNT,
            Query(increase("headgate_requests_total", "", window=RANGE), "requests"),
        ),
        number(
            "Items",
            "Items that the requests carried in the time shown.",
            COUNT,
            Query(increase("headgate_items_total", "", window=RANGE), "items"),
        ),
        number(
            "Cost unknown",
            "Answers in the time shown whose cost is unknown: the variant has no price, or its upstream told"
            " no usage. They count as nothing on this page: its figures are too low by that much.",
            COUNT,
            Query(zero(increase("headgate_unpriced_requests_total", "", window=RANGE), ""), "unpriced"),
            limits=[(1, AMBER)],
        ),
        table_of(
            "By variant",
            "Each assigned variant in the time shown.",
            (Query(increase("headgate_requests_total", window=RANGE), "requests"), COUNT),
            (Query(spent(RANGE), "spent"), USD),
            (Query(per_request(RANGE), "per request"), USD),
            (Query(per_success(RANGE), "per validated success"), USD),
            (Query(per_thousand_items(RANGE), "per 1,000 items"), USD),
        ),
    ]


def _over_time(title: str, description: str, cost: Callable[[str], str]) -> Panel:
    return chart(title, f"{description}, over the interval chosen.", USD, Query(cost(INTERVAL), _WHO))


def _breakdown() -> list[Panel]:
    cached = rate("headgate_tokens_total", "route, variant", f'{_SERVED}, type="cached_input"')
    input_ = rate("headgate_tokens_total", "route, variant", f'{_SERVED}, type=~"input|cached_input"')
    return [
        chart(
            "Tokens",
            "Tokens a second by type, of the variant that served. The types are disjoint: input is what was"
            " not cached, output what was not reasoning.",
            COUNT,
            Query(
                rate("headgate_tokens_total", "route, variant, type", _SERVED),
                "{{route}} / {{variant}}: {{type}}",
            ),
            stacked=True,
        ),
        chart(
            "Input served from the cache",
            "The share of input tokens that the upstream had cached and charges less for.",
            SHARE,
            Query(f"{cached} / {input_}", "{{route}} / {{variant}}"),
            top=1,
        ),
        chart(
            "Spending by application",
            "USD an hour at the present rate, by who asked.",
            USD,
            Query(
                f"{_HOUR} * {rate('headgate_application_cost_usd_total', 'application, route', ROUTE)}",
                "{{application}}: {{route}}",
            ),
            stacked=True,
        ),
        chart(
            "Requests whose cost is unknown",
            "Answers a second without a known cost.",
            PER_SECOND,
            Query(zero(rate("headgate_unpriced_requests_total")), _WHO),
        ),
    ]
