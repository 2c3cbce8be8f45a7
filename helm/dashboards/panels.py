"""The kinds of panel, so that every page looks alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from helm.dashboards.variables import SOURCE

WHOLE, TWO_THIRDS, HALF, THIRD, QUARTER = 24, 16, 12, 8, 6
"""Widths, in columns."""
GREEN, AMBER, RED = "green", "orange", "red"
USD, SECONDS, BYTES, SHARE, PERCENT, PER_SECOND, COUNT = (
    "currencyUSD", "s", "bytes", "percentunit", "percent", "reqps", "short",
)  # fmt: skip
"""Units, by Grafana's names: SHARE is of 1, PERCENT of 100."""

_HEIGHT = 8
_LOW = 5
_LABELS = ("route", "segment", "variant")
"""First columns of a table."""

Limits = Sequence[tuple[float, str]]
"""From which value on which colour; green below the first."""


class Query(NamedTuple):
    """An expression, and what its lines (in a table: its column) are called."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel being built, and what it asks."""

    builder: Any
    queries: Sequence[Query]


def chart(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = HALF,
    limits: Limits = (),
    top: float | None = None,
    stacked: bool = False,
    steps: bool = False,
    logarithmic: bool = False,
    dashed: str = "",
) -> Panel:
    """Lines over time from 0 to `top`; `limits` are lines across, names that match `dashed` are thin."""
    builder = timeseries.Panel().legend(_legend()).tooltip(_tooltip()).show_points(looks.VisibilityMode.NEVER)
    _begin(builder, title, description, unit, queries, width, _HEIGHT)
    if not logarithmic:
        builder.min(0)
    else:
        builder.scale_distribution(common.ScaleDistributionConfig().type(looks.ScaleDistribution.LOG).log(10))
    if top is not None:
        builder.max(top)
    if limits:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        builder.thresholds(_thresholds(limits)).thresholds_style(style)
    if stacked:
        builder.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL)).fill_opacity(30)
    if steps:
        builder.line_interpolation(looks.LineInterpolation.STEP_AFTER)
    if dashed:
        thin = [
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [6, 6]}),
            DynamicConfigValue("custom.lineWidth", 1),
        ]
        builder.override_by_regexp(dashed, thin)
    return Panel(builder, queries)


def number(
    title: str, description: str, unit: str, *queries: Query, width: int = QUARTER, limits: Limits = ()
) -> Panel:
    """What it is now, in large figures."""
    builder = stat.Panel().graph_mode(looks.BigValueGraphMode.NONE).thresholds(_thresholds(limits))
    builder.color_mode(looks.BigValueColorMode.VALUE if limits else looks.BigValueColorMode.NONE)
    if len(queries) > 1 or "{{" in queries[0].legend:
        builder.text_mode(looks.BigValueTextMode.VALUE_AND_NAME)
    _begin(builder, title, description, unit, queries, width, _LOW, instant=True)
    return Panel(builder, queries)


def timeline(title: str, description: str, *queries: Query, width: int = WHOLE) -> Panel:
    """Which of several states held when: a query's lines are there while their state holds."""
    builder = statetimeline.Panel().show_value(looks.VisibilityMode.NEVER).merge_values(True)
    _begin(builder, title, description, COUNT, queries, width, _HEIGHT)
    return Panel(builder, queries)


def table_of(title: str, description: str, *columns: tuple[Query, str], width: int = WHOLE) -> Panel:
    """One row for each set of labels and one column for each query, with its unit."""
    queries = [query for query, _ in columns]
    builder = table.Panel()
    _begin(builder, title, description, COUNT, queries, width, _HEIGHT, instant=True)
    names = {f"Value #{ascii_uppercase[place]}": query.legend for place, query in enumerate(queries)}
    order = {name: place for place, name in enumerate([*_LABELS, *names])}
    builder.with_transformation(DataTransformerConfig("merge", options={}))
    builder.with_transformation(
        DataTransformerConfig(
            "organize",
            options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names},
        )
    )
    for query, unit in columns:
        builder.override_by_name(query.legend, [DynamicConfigValue("unit", unit)])
    return Panel(builder, queries)


def _begin(
    builder: Any,
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    width: int,
    height: int,
    *,
    instant: bool = False,
) -> None:
    """What all kinds share."""
    builder.title(title).description(description).unit(unit).datasource(SOURCE).span(width).height(height)
    if not instant:
        builder.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    for place, query in enumerate(queries):
        target = prometheus.Dataquery().expr(query.expression).ref_id(ascii_uppercase[place])
        target.datasource(SOURCE)
        target.instant() if instant else target.range()
        if isinstance(builder, table.Panel):
            target.format(PromQueryFormat.TABLE)
        else:
            target.legend_format(query.legend)
        builder.with_target(target)


def _thresholds(limits: Limits) -> dashboard.ThresholdsConfig:
    steps = [Threshold(None, GREEN), *(Threshold(value, colour) for value, colour in limits)]
    if limits and limits[0][1] == GREEN:  # good is above
        steps[0] = Threshold(None, RED)
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .display_mode(looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull"])
    )


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI)
