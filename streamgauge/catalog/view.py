"""View: a `.sql` file in the catalog's folder `views/`, a query over tables and other views at read time.

    -- view:   sagas_stuck
    -- gauges: overdue, cents by state
    SELECT …

Nothing is merged or stored: what needs two streams, or the time of reading, is a view. `gauges` exposes columns to
Prometheus: every `STREAMGAUGE_GAUGE_INTERVAL_S` the warehouse sums them by the columns named (few values each, never
ids) and publishes `streamgauge_view_<view>_<column>`. All errors of a view are found at start, with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from streamgauge.catalog import kpi
from streamgauge.catalog.model import Model
from streamgauge.catalog.sql_file import NAME, NUMBERS, SqlFile, described
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.metric import Metric

_HEADER = re.compile(r"^--\s*(view|gauges)\s*:\s*(.*?)\s*$")


@dataclass(frozen=True)
class View:
    """A checked view: its SELECT, columns with their DuckDB types, and the gauges it exposes."""

    name: str
    sql: str
    columns: Mapping[str, str]
    gauges: kpi.Kpis | None = None
    # The prose of the file's header.
    about: str = ""

    @property
    def gauge_sql(self) -> str:
        """Query of the gauges' values: a row per label set, labels first. A sum over nothing is no row, or NULL."""
        if self.gauges is None:
            raise ValueError(f"view `{self.name}` has no gauges")
        by = [f'"{name}"' for name in self.gauges.by]
        sums = [f'CAST(sum("{name}") AS DOUBLE)' for name in self.gauges.measures]
        grouped = f" GROUP BY {', '.join(by)}" if by else ""
        return f'SELECT {", ".join([*by, *sums])} FROM main."{self.name}"{grouped}'  # noqa: S608 - checked names


def load(paths: Iterable[Path], models: Iterable[Model]) -> tuple[View, ...]:
    """Read and check view files; returns them in an order in which they can be created.

    Raises `UsageError` that begins `file:line:`.
    """
    models = list(models)
    taken = {model.name: f"model `{model.name}`" for model in models}
    with duckdb.connect(":memory:") as con:
        for model in models:
            columns = ", ".join(f'"{name}" {kind}' for name, kind in model.columns.items())
            con.execute(f'CREATE TABLE "{model.name}" ({columns})')
        # The provenance, which a built-in view shows.
        con.execute("CREATE SCHEMA internal")
        con.execute("CREATE TABLE internal.inputs (stated VARCHAR)")
        waiting, found = [SqlFile(path, _HEADER) for path in paths], list[View]()
        # A view may depend on another: those that bind are created, until none is left or none binds.
        while waiting:
            first_error: UsageError | None = None
            left = []
            for source in waiting:
                try:
                    found.append(_view(con, source, taken))
                except _Unbound as error:
                    first_error = first_error or error
                    left.append(source)
            if first_error and len(left) == len(waiting):
                raise UsageError(str(first_error))
            waiting = left
    return tuple(found)


class _Unbound(UsageError):
    """A name does not exist; it may be a view that is not created yet."""


def _view(con: duckdb.DuckDBPyConnection, source: SqlFile, taken: dict[str, str]) -> View:
    header, first = source.header()
    name = header.get("view", "")
    if not NAME.match(name) or name != source.path.stem:
        raise source.error(f"the header's `-- view: …` must be lower_case and the file's name, {source.path.stem}")
    if name in taken:
        raise source.error(f"there is a {taken[name]} already")
    body = source.body(first)
    if not re.match(r"(?i)(select|with|from)\s", body):
        raise source.error("a view is one SELECT", first + 1)
    try:
        columns = described(con, source, body, first)
        con.execute(f'CREATE VIEW "{name}" AS {body}')
    except duckdb.Error as error:
        raise source.error(str(error).splitlines()[0], first + 1) from None
    except UsageError as error:
        raise _Unbound(str(error)) from None
    taken[name] = f"view `{name}`"
    gauges = _gauges(source, header["gauges"], columns) if "gauges" in header else None
    return View(name, body, columns, gauges, source.about(first))


def _gauges(source: SqlFile, text: str, columns: Mapping[str, str]) -> kpi.Kpis:
    _, _, by = text.partition(" by ")
    named = {part.strip() for part in by.split(",")}
    dimensions = [name for name, kind in columns.items() if name in named or not kind.startswith(NUMBERS)]
    try:
        return kpi.parse(text, dimensions, columns)
    except ValueError as error:
        raise source.error(str(error), source.line_of_header("gauges")) from None


def metric(view: str, measure: str, by: tuple[str, ...]) -> Metric:
    """The gauge of one column of a view."""
    meaning = f"View `{view}`, column `{measure}`, added up; absent where there is nothing to add."
    return Metric(f"streamgauge_view_{view}_{measure}", "gauge", meaning, "warehouse", by)


def metrics(views: Iterable[View]) -> tuple[Metric, ...]:
    """All gauges of a catalog's views."""
    return tuple(
        metric(view.name, measure, view.gauges.by) for view in views if view.gauges for measure in view.gauges.measures
    )
