"""A dashboard as rows of panels: `Board` places them on Grafana's 24 columns, numbers them and links them."""

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
    """A choice at the top: the values that `metric` has for `label`; several, or all."""

    name: str
    title: str
    metric: str
    label: str
    description: str


GROUP = Variable("group", "Group", "kafka_consumergroup_lag_sum", "consumergroup", "Consumer groups that are shown.")
TOPIC = Variable("topic", "Topic", "kafka_topic_partitions", "topic", "Topics that are shown.")
STREAM = Variable("stream", "Stream", "streamgauge_events_in_total", "stream", "Streams of the catalog that are shown.")
PROCESS = Variable("process", "Process", "up", "process", "Processes that are shown.")


@dataclass(frozen=True)
class Row:
    """A titled row of panels; those that do not fit beside each other begin a new line."""

    title: str
    panels: tuple[Spec, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard. `page` is the path of the Streamlit page that shows the same from the warehouse."""

    uid: str
    title: str
    description: str
    page: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    refresh: str = "10s"
    since: str = "now-30m"

    def specs(self) -> tuple[Spec, ...]:
        """Every panel, in order; the first has the id 1."""
        return tuple(spec for row in self.rows for spec in row.panels)

    def panel_id(self, title: str) -> int:
        """The id of the panel with that title."""
        return next(number for number, spec in enumerate(self.specs(), 1) if spec.title == title)

    def render(self, runbooks: Mapping[str, str]) -> dict[str, Any]:
        """Grafana's JSON. `runbooks` gives each runbook's address."""
        made = dashboards.Dashboard(self.title).uid(self.uid).description(self.description).tags([TAG]).readonly()
        made.time(self.since, "now").refresh(self.refresh).timezone("browser")
        made.tooltip(models.DashboardCursorSync.CROSSHAIR)
        for variable in self.variables:
            made.with_variable(_choice(variable))
        pages = dashboards.TextBoxVariable("pages").label("Streamlit").default_value(places.PAGES)
        made.with_variable(pages.description("Where the Streamlit pages are; the link at the top goes there."))
        made.annotation(_restarts())
        for link in self._links():
            made.link(link)
        self._place(made, runbooks)
        text: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
        for annotation in text["annotations"]["list"]:
            # The SDK has no words for these: what the mark says, and that the value (ms) is its time.
            annotation |= {"titleFormat": "{{process}} started", "textFormat": "{{instance}}", "tagKeys": "process"}
            annotation |= {"useValueForTime": True}
        for variable in text["templating"]["list"]:
            if variable["name"] == "pages":
                option = {"text": places.PAGES, "value": places.PAGES, "selected": True}
                variable |= {"current": option, "options": [option]}
        return text

    def _place(self, made: dashboards.Dashboard, runbooks: Mapping[str, str]) -> None:
        number, top = 0, 0
        for place, row in enumerate(self.rows):
            head = dashboards.Row(row.title).id(1_000 + place)
            made.with_row(head.grid_pos(models.GridPos(h=1, w=COLUMNS, x=0, y=top)))
            x, y, tallest = 0, top + 1, 0
            for spec in row.panels:
                if x + spec.span > COLUMNS:
                    x, y, tallest = 0, y + tallest, 0
                number += 1
                made.with_panel(panels.build(spec, number, x, y, _runbook(spec, runbooks)))
                x, tallest = x + spec.span, max(tallest, spec.height)
            top = y + tallest

    def _links(self) -> list[Builder[models.DashboardLink]]:
        """The other dashboards, and the page that shows the same from the warehouse."""
        others = dashboards.DashboardLink("Dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
        page = dashboards.DashboardLink("Live figures").type(models.DashboardLinkType.LINK).icon("external link")
        seen = "range=custom&from=${__from:date:iso}&to=${__to:date:iso}"
        page.url(f"${{pages}}/{self.page}?{seen}").tooltip("The Streamlit page of the same range, from the warehouse")
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


def _choice(variable: Variable) -> dashboards.QueryVariable:
    made = dashboards.QueryVariable(variable.name).label(variable.title).description(variable.description)
    made.query({"query": f"label_values({variable.metric}, {variable.label})", "refId": variable.name})
    made.datasource(SOURCE).multi(True).include_all(True).all_value(".*")
    made.current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    return made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)


def _restarts() -> dashboards.AnnotationQuery:
    """A mark at each start of a process of ours: its start time is the mark's time, in milliseconds."""
    made = dashboards.AnnotationQuery().name("Starts and restarts").datasource(SOURCE).enable(True)
    return made.icon_color("blue").expr(f'process_start_time_seconds{{job="{places.JOB}"}} * 1000')
