"""A page: its variables, and panels in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.models import dashboard

from helm.dashboards.panels import Panel
from helm.dashboards.variables import Variables

Rows = Mapping[str, Sequence[Panel]]
"""Title → panels."""
_TAG = "headgate"


def page_of(name: str, title: str, description: str, variables: Variables, rows: Rows) -> dashboard.Dashboard:
    """A whole dashboard."""
    builder = (
        Dashboard(f"Headgate / {title}")
        .uid(f"headgate-{name}")
        .description(description)
        .tags([_TAG])
        .editable()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .link(
            DashboardLink("Headgate")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .include_vars(True)
            .keep_time(True)
        )
        .variables(variables.build())
    )
    number = 0
    for heading, panels in rows.items():
        number += 1
        builder.with_row(Row(heading).id(number))
        for panel in panels:
            number += 1
            builder.with_panel(panel.builder.id(number))
    return builder.build()
