"""What a reader chooses at the top of a page: data source, route, segment, variant, interval of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, IntervalVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

SOURCE = DataSourceRef("prometheus", "${datasource}")
INTERVALS = ("1m", "5m", "15m", "1h", "6h", "1d", "7d")
_EVERY = VariableOption(True, "All", "$__all")


@dataclass(frozen=True, slots=True)
class Variables:
    """Those of one page: `interval` is what a rate looks back at first, `of` the metric that has its routes.

    Without `of` there is nothing to choose but the data source and the interval.
    """

    interval: str
    of: str = ""

    def build(self) -> list[Any]:
        """Their builders, in the order in which they are shown."""
        places = [
            _places("route", "Route", f"label_values({self.of}, route)"),
            _places("segment", "Segment", f'label_values({self.of}{{route=~"$route"}}, segment)'),
            _places(
                "variant",
                "Variant",
                'label_values(headgate_requests_total{route=~"$route", segment=~"$segment"}, variant)',
            ),
        ]
        return [
            DatasourceVariable("datasource").label("Data source").type("prometheus"),
            *(places if self.of else []),
            _interval(self.interval),
        ]


def _places(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(_EVERY)
    )


def _interval(first: str) -> IntervalVariable:
    return (
        IntervalVariable("interval")
        .label("Interval")
        .description("How far back each point of a rate, a ratio or a quantile looks")
        .values(",".join(INTERVALS))
        .options([VariableOption(value == first, value, value) for value in INTERVALS])
        .current(VariableOption(True, first, first))
    )
