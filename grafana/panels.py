"""The kinds of panels there are, each with what every panel must have: title, description, unit, queries.

A panel is described by `Spec`; `build` makes Grafana's panel of it. Colours mean the same everywhere: green is well,
orange wants a look, red wants a person; series that are neither take Grafana's palette.
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
from grafana_foundation_sdk.models import prometheus as queries
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
    """PromQL and the series' name. In a table each query is a column, and `legend` its head."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Column:
    """How a table's column looks: its unit, its thresholds, whether numbers are Burrow's verdicts."""

    unit: str = "none"
    levels: tuple[float, ...] = ()
    status: bool = False
    low_is_bad: bool = False
    width: int | None = None


@dataclass(frozen=True)
class Spec:
    """One panel. `span` is of 24 columns, `height` in rows of 30 px; `levels` are where orange and red begin;
    `runbook` is an alert's page; `columns` are a table's, by head; `dashed` is a pattern
    of series' names; `instant` asks for now only: what a whole range adds up to has no course."""

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
    """One figure, with its course in the background."""
    return Spec("stat", title, description, unit, (Query(expr),), **{"span": 4, "height": 4, "levels": levels, **more})  # type: ignore[arg-type]


def series_of(title: str, description: str, unit: str, *asked: Query, **more: object) -> Spec:
    """Lines over time."""
    return Spec("series", title, description, unit, asked, **more)  # type: ignore[arg-type]


def table_of(
    title: str, description: str, asked: tuple[Query, ...], columns: Mapping[str, Column], **more: object
) -> Spec:
    """What is so now, a row for each set of labels."""
    return Spec("table", title, description, "none", asked, columns=columns, **more)  # type: ignore[arg-type]


def thresholds(levels: tuple[float, ...], low_is_bad: bool = False) -> dashboards.ThresholdsConfig:
    """Green, from the first level on orange, from the second red (one level: red); turned round where low is bad."""
    colours = [GREEN, RED] if len(levels) == 1 else [GREEN, ORANGE, RED]
    if low_is_bad:
        colours.reverse()
    steps = [models.Threshold(value=None, color=colours[0])]
    steps += [models.Threshold(value=level, color=colour) for level, colour in zip(levels, colours[1:], strict=False)]
    return dashboards.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def verdicts() -> models.ValueMap:
    """The status metric's numbers, in Burrow's words."""
    return models.ValueMap(
        options={
            number: models.ValueMappingResult(text=word, color=colour, index=int(number))
            for number, (word, colour) in STATUSES.items()
        }
    )


Panel = stat.Panel | timeseries.Panel | table.Panel | statetimeline.Panel | text.Panel


def build(spec: Spec, number: int, x: int, y: int, links: list[Builder[models.DashboardLink]]) -> Panel:
    """Grafana's panel. `number` is its id on the dashboard, `x` and `y` its place on the grid."""
    panel: Panel = _KINDS[spec.kind](spec)
    panel.id(number).title(spec.title).description(spec.description).transparent(False)
    panel.grid_pos(models.GridPos(h=spec.height, w=spec.span, x=x, y=y))
    if links:
        panel.links(links)
    if spec.kind == "text":
        return panel
    panel.datasource(SOURCE).unit(spec.unit)
    for place, asked in enumerate(spec.queries):
        query = prometheus.Dataquery().expr(asked.expr).ref_id(chr(ord("A") + place)).datasource(SOURCE)
        if asked.legend:
            query.legend_format(asked.legend)
        if spec.kind == "table":
            query.instant().format(queries.PromQueryFormat.TABLE)
        elif spec.instant:
            query.instant()
        else:
            query.range()
        panel.with_target(query)
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
    panel = statetimeline.Panel().mappings([verdicts()]).merge_values(True).fill_opacity(80).line_width(0)
    panel.show_value(shapes.VisibilityMode.AUTO).row_height(0.85)
    return panel.legend(common.VizLegendOptions().show_legend(False).calcs([]))


def _table(spec: Spec) -> table.Panel:
    """Columns by query; the queries' rows are joined on their labels."""
    heads = {
        f"Value #{chr(ord('A') + place)}" if len(spec.queries) > 1 else "Value": asked.legend
        for place, asked in enumerate(spec.queries)
    }
    panel = table.Panel().cell_height(shapes.TableCellHeight.SM).filterable(False)
    if len(spec.queries) > 1:
        panel.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    hidden = dict.fromkeys(("Time", "__name__", "job", *spec.hidden), True)
    order = {name: place for place, name in enumerate(spec.columns)}
    names = {value: head for value, head in heads.items() if head}
    index = {next((raw for raw, head in names.items() if head == name), name): place for name, place in order.items()}
    panel.with_transformation(
        models.DataTransformerConfig(
            id_val="organize", options={"excludeByName": hidden, "indexByName": index, "renameByName": names}
        )
    )
    for head, column in spec.columns.items():
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
            properties.append(models.DynamicConfigValue(id_val="mappings", value=[verdicts()]))
        panel.override_by_name(head, properties)
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
