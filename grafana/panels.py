"""Panels: `Spec` describes one, with title, description, unit and queries; `build` makes Grafana's panel.

Colours have one meaning: green is healthy, orange needs attention, red needs action. Series without thresholds take
Grafana's palette.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models import text as texts

from grafana import places
from streamgauge.domain import lag_status

Kind = Literal["stat", "series", "stacked", "table", "states", "text"]
SOURCE = models.DataSourceRef(type_val="prometheus", uid=places.DATASOURCE)
GREEN, ORANGE, RED = "green", "orange", "red"
_STATUS_COLOURS = {"OK": GREEN, "WARN": "yellow", "REWIND": ORANGE, "STALL": RED, "STOP": "dark-red"}
# Value of kafka_consumergroup_status → name and colour.
STATUSES = {str(value): (status, _STATUS_COLOURS[status]) for status, value in lag_status.VALUES.items()}


@dataclass(frozen=True)
class Query:
    """PromQL and the name of its series. In a table each query is a column, and `legend` its header."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Column:
    """A table's column: its unit, thresholds, and whether its numbers are lag statuses."""

    unit: str = "none"
    levels: tuple[float, ...] = ()
    status: bool = False
    low_is_bad: bool = False
    width: int | None = None


@dataclass(frozen=True)
class Spec:
    """One panel. `span` is in 24ths of the width, `height` in rows of 30 px; `levels` are the thresholds of orange and
    red; `runbook` is an alert's page; `columns` are those of a table, by header; `dashed` is a pattern of series names;
    `instant` queries the end of the range only, for totals of the whole range."""

    kind: Kind
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    span: int = 8
    height: int = 8
    levels: tuple[float, ...] = ()
    low_is_bad: bool = False
    decimals: int | None = None
    runbook: str = ""
    no_value: str = ""
    columns: Mapping[str, Column] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    sort_by: str = ""
    dashed: str = ""
    instant: bool = False
    markdown: str = ""


def stat_of(title: str, description: str, unit: str, expr: str, levels: tuple[float, ...] = (), **more: object) -> Spec:
    """A single value, with its trend in the background."""
    return Spec("stat", title, description, unit, (Query(expr),), **{"span": 4, "height": 4, "levels": levels, **more})  # type: ignore[arg-type]


def series_of(title: str, description: str, unit: str, *queries: Query, **more: object) -> Spec:
    """Lines over time."""
    return Spec("series", title, description, unit, queries, **more)  # type: ignore[arg-type]


def table_of(
    title: str, description: str, queries: tuple[Query, ...], columns: Mapping[str, Column], **more: object
) -> Spec:
    """Current values, one row per set of labels."""
    return Spec("table", title, description, "none", queries, columns=columns, **more)  # type: ignore[arg-type]


def thresholds(levels: tuple[float, ...], low_is_bad: bool = False) -> dashboards.ThresholdsConfig:
    """Green, orange from the first level, red from the second (one level: red); reversed if low is bad."""
    colours = [GREEN, RED] if len(levels) == 1 else [GREEN, ORANGE, RED]
    if low_is_bad:
        colours.reverse()
    steps = [models.Threshold(value=None, color=colours[0])]
    steps += [models.Threshold(value=level, color=colour) for level, colour in zip(levels, colours[1:], strict=False)]
    return dashboards.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def statuses() -> models.ValueMap:
    """Names and colours of the lag statuses."""
    return models.ValueMap(
        options={
            number: models.ValueMappingResult(text=word, color=colour, index=int(number))
            for number, (word, colour) in STATUSES.items()
        }
    )


Panel = stat.Panel | timeseries.Panel | table.Panel | statetimeline.Panel | text.Panel


def build(spec: Spec, number: int, x: int, y: int, links: list[Builder[models.DashboardLink]]) -> Panel:
    """Grafana's panel. `number` is its id on the dashboard, `x` and `y` its position on the grid."""
    panel: Panel = _KINDS[spec.kind](spec)
    panel.id(number).title(spec.title).description(spec.description).transparent(False)
    panel.grid_pos(models.GridPos(h=spec.height, w=spec.span, x=x, y=y))
    if links:
        panel.links(links)
    if spec.kind == "text":
        return panel
    panel.datasource(SOURCE).unit(spec.unit)
    for position, query in enumerate(spec.queries):
        target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + position)).datasource(SOURCE)
        if query.legend:
            target.legend_format(query.legend)
        if spec.kind == "table":
            target.instant().format(prometheus_models.PromQueryFormat.TABLE)
        elif spec.instant:
            target.instant()
        else:
            target.range()
        panel.with_target(target)
    if spec.levels:
        panel.thresholds(thresholds(spec.levels, spec.low_is_bad))
    if spec.decimals is not None:
        panel.decimals(spec.decimals)
    if spec.no_value:
        panel.no_value(spec.no_value)
    return panel


def _stat(spec: Spec) -> stat.Panel:
    colours = shapes.BigValueColorMode.VALUE if spec.levels else shapes.BigValueColorMode.NONE
    panel = (
        stat.Panel()
        .color_mode(colours)
        .graph_mode(shapes.BigValueGraphMode.AREA)
        .justify_mode(shapes.BigValueJustifyMode.AUTO)
    )
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    if not spec.levels:
        panel.color_scheme(dashboards.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color("text"))
    return panel


def _series(spec: Spec) -> timeseries.Panel:
    panel = timeseries.Panel().line_width(2).fill_opacity(8).show_points(shapes.VisibilityMode.NEVER).axis_soft_min(0)
    panel.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING))
    legend = common.VizLegendOptions().show_legend(True).placement(shapes.LegendPlacement.BOTTOM)
    panel.legend(legend.display_mode(shapes.LegendDisplayMode.LIST).calcs([]))
    if spec.levels:
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED))
    if spec.kind == "stacked":
        panel.fill_opacity(35).line_width(1)
        panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    if spec.dashed:
        style = {"fill": "dash", "dash": [6, 6]}
        panel.override_by_regexp(
            f"/{spec.dashed}/", [models.DynamicConfigValue(id_val="custom.lineStyle", value=style)]
        )
    return panel


def _states(spec: Spec) -> statetimeline.Panel:
    panel = statetimeline.Panel().mappings([statuses()]).merge_values(True).fill_opacity(80).line_width(0)
    panel.show_value(shapes.VisibilityMode.AUTO).row_height(0.85)
    return panel.legend(common.VizLegendOptions().show_legend(False).calcs([]))


def _table(spec: Spec) -> table.Panel:
    """A table with one column per query; rows are joined on their labels."""
    headers = {
        f"Value #{chr(ord('A') + position)}" if len(spec.queries) > 1 else "Value": query.legend
        for position, query in enumerate(spec.queries)
    }
    panel = table.Panel().cell_height(shapes.TableCellHeight.SM).filterable(False)
    if len(spec.queries) > 1:
        panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    hidden = dict.fromkeys(("Time", "__name__", "job", *spec.hidden), True)
    order = {name: position for position, name in enumerate(spec.columns)}
    names = {value: header for value, header in headers.items() if header}
    raw_names = {header: value for value, header in names.items()}
    index = {raw_names.get(name, name): position for name, position in order.items()}
    panel.with_transformation(
        models.DataTransformerConfig(
            id_val="organize", options={"excludeByName": hidden, "indexByName": index, "renameByName": names}
        )
    )
    for header, column in spec.columns.items():
        properties = [models.DynamicConfigValue(id_val="unit", value=column.unit)]
        if column.width:
            properties.append(models.DynamicConfigValue(id_val="custom.width", value=column.width))
        if column.levels or column.status:
            cell = {"type": "color-text"}
            properties.append(models.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
        if column.levels:
            properties.append(
                models.DynamicConfigValue(
                    id_val="thresholds", value=thresholds(column.levels, column.low_is_bad).build()
                )
            )
        if column.status:
            properties.append(models.DynamicConfigValue(id_val="mappings", value=[statuses()]))
        panel.override_by_name(header, properties)
    if spec.sort_by:
        panel.sort_by([common.TableSortByFieldState().display_name(spec.sort_by).desc(True)])
    return panel


def _text(spec: Spec) -> text.Panel:
    return text.Panel().mode(texts.TextMode.MARKDOWN).content(spec.markdown)


_KINDS: dict[Kind, Callable[[Spec], Panel]] = {
    "stat": _stat,
    "series": _series,
    "stacked": _series,
    "table": _table,
    "states": _states,
    "text": _text,
}
