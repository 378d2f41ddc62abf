"""Dashboards as rows of panels, laid out on Grafana's 24 columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from grafana import panels, places
from grafana.panels import SOURCE, Spec

COLUMNS = 24
TAG = "streamgauge"


@dataclass(frozen=True)
class Variable:
    """A dashboard variable: the values of `label` in `metric`; several, or all."""

    name: str
    title: str
    metric: str
    label: str
    description: str


GROUP = Variable("group", "Group", "kafka_consumergroup_lag_sum", "consumergroup", "Consumer groups to show.")
TOPIC = Variable("topic", "Topic", "kafka_topic_partitions", "topic", "Topics to show.")
STREAM = Variable("stream", "Stream", "streamgauge_events_in_total", "stream", "Streams of the catalog to show.")
PROCESS = Variable("process", "Process", "up", "process", "Processes to show.")


@dataclass(frozen=True)
class Row:
    """A titled row of panels; those that do not fit side by side wrap."""

    title: str
    panels: tuple[Spec, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard. `page` is the path of the Streamlit page with the same figures."""

    uid: str
    title: str
    description: str
    page: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    refresh: str = "10s"
    since: str = "now-30m"

    def specs(self) -> tuple[Spec, ...]:
        """All panels in order; ids begin at 1."""
        return tuple(spec for row in self.rows for spec in row.panels)

    def panel_id(self, title: str) -> int:
        """The id of the panel with that title."""
        return next(number for number, spec in enumerate(self.specs(), 1) if spec.title == title)

    def render(self, runbooks: Mapping[str, str]) -> dict[str, Any]:
        """Grafana's JSON; `runbooks` has the URL of each runbook."""
        dashboard = dashboards.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG]).readonly()
        dashboard.time(self.since, "now").refresh(self.refresh).timezone("browser")
        dashboard.tooltip(models.DashboardCursorSync.CROSSHAIR)
        for variable in self.variables:
            dashboard.with_variable(_variable(variable))
        pages = dashboards.TextBoxVariable("pages").label("Streamlit").default_value(places.PAGES)
        dashboard.with_variable(pages.description("Address of the Streamlit pages, for the link at the top."))
        dashboard.annotation(_restarts())
        for link in self._links():
            dashboard.link(link)
        self._add_panels(dashboard, runbooks)
        rendered: dict[str, Any] = json.loads(json.dumps(dashboard.build(), cls=JSONEncoder))
        for annotation in rendered["annotations"]["list"]:
            # Not in the SDK: the text of the annotation, and that the value is its time in ms.
            annotation |= {"titleFormat": "{{process}} started", "textFormat": "{{instance}}", "tagKeys": "process"}
            annotation |= {"useValueForTime": True}
        for variable in rendered["templating"]["list"]:
            if variable["name"] == "pages":
                option = {"text": places.PAGES, "value": places.PAGES, "selected": True}
                variable |= {"current": option, "options": [option]}
        return rendered

    def _add_panels(self, dashboard: dashboards.Dashboard, runbooks: Mapping[str, str]) -> None:
        number, top = 0, 0
        for position, row in enumerate(self.rows):
            header = dashboards.Row(row.title).id(1_000 + position)
            dashboard.with_row(header.grid_pos(models.GridPos(h=1, w=COLUMNS, x=0, y=top)))
            x, y, tallest = 0, top + 1, 0
            for spec in row.panels:
                if x + spec.span > COLUMNS:
                    if x < COLUMNS:
                        raise ValueError(
                            f"{self.title}, row {row.title}: the panels before “{spec.title}” are {x} columns wide, "
                            f"not {COLUMNS}; change a `span` or their order"
                        )
                    x, y, tallest = 0, y + tallest, 0
                number += 1
                dashboard.with_panel(panels.build(spec, number, x, y, _runbook(spec, runbooks)))
                x, tallest = x + spec.span, max(tallest, spec.height)
            top = y + tallest

    def _links(self) -> list[Builder[models.DashboardLink]]:
        """Links to the other dashboards, the Streamlit page with the same figures, and the runbooks."""
        others = dashboards.DashboardLink("Dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
        page = dashboards.DashboardLink("Live figures").type(models.DashboardLinkType.LINK).icon("external link")
        time_range = "range=custom&from=${__from:date:iso}&to=${__to:date:iso}"
        page.url(f"${{pages}}/{self.page}?{time_range}").tooltip(
            "The Streamlit page with the same range, from the warehouse"
        )
        runbooks = dashboards.DashboardLink("Runbooks").type(models.DashboardLinkType.LINK).icon("doc")
        runbooks.url(f"/d/{places.RUNBOOKS}").tooltip("What each alert means and how to fix it")
        return [
            others.as_dropdown(True).keep_time(True).include_vars(True),
            page.target_blank(True),
            runbooks.keep_time(True),
        ]


def _runbook(spec: Spec, runbooks: Mapping[str, str]) -> list[Builder[models.DashboardLink]]:
    if not spec.runbook:
        return []
    link = dashboards.DashboardLink(f"Runbook: {spec.runbook}").type(models.DashboardLinkType.LINK)
    return [link.url(runbooks[spec.runbook]).target_blank(True)]


def _variable(variable: Variable) -> dashboards.QueryVariable:
    query = dashboards.QueryVariable(variable.name).label(variable.title).description(variable.description)
    query.query({"query": f"label_values({variable.metric}, {variable.label})", "refId": variable.name})
    query.datasource(SOURCE).multi(True).include_all(True).all_value(".*")
    query.current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    return query.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _restarts() -> dashboards.AnnotationQuery:
    """An annotation at the start time of each process."""
    annotation = dashboards.AnnotationQuery().name("Starts and restarts").datasource(SOURCE).enable(True)
    return annotation.icon_color("blue").expr(f'process_start_time_seconds{{job="{places.JOB}"}} * 1000')
