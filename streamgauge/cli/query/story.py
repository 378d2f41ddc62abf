"""`streamgauge story ID`: what happened to an order, a customer or an article, across all services."""

from __future__ import annotations

import sys

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.output import note
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.cli.query.table_output import write
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.errors import UsageError
from streamgauge.warehouse import story
from streamgauge.warehouse.client import Warehouse
from streamgauge.warehouse.sql.results import to_json

SHOWN = "happened_at AS time, service, event, key, CASE WHEN late THEN 'late; ' ELSE '' END || detail AS what"


def main(identifier: str, kind: str | None, *, as_json: bool) -> int:
    """Print the story; returns the exit code: 1 where nothing is known of it. Raises `UsageError` for wrong use."""
    settings = settings_module.load()
    catalog = loader.load(settings.catalog)
    named = kind_of(catalog, kind) if kind else None
    columns = "*" if as_json else SHOWN
    with warehouse_errors(), Warehouse(settings) as warehouse:
        source = f"FROM {story.NAME}(?, of_kind := ?)"
        rows = warehouse.query(f"SELECT {columns} {source} ORDER BY seq", [identifier, named])  # noqa: S608 - constants
        removed = warehouse.query(_removed(catalog)).to_pylist() if catalog.own else []
        kinds = warehouse.query(f"SELECT DISTINCT via {source} ORDER BY via", [identifier, named]).to_pylist()  # noqa: S608
    if as_json:
        sys.stdout.buffer.write(to_json(rows) + b"\n")
        sys.stdout.buffer.flush()
    elif rows.num_rows:
        write(rows, sys.stdout.buffer)
    for row in removed:
        note(f"retention has removed {row['removed']:,} events of {row['stream']}: they are in no story")
    if not rows.num_rows:
        what = f"{named} " if named else ""
        note(f"nothing is known of {what}{identifier}")
        return 1
    found = [str(row["via"]) for row in kinds if row["via"] in story.identifiers(catalog)]
    if len(found) > 1 and named is None:
        note(f"it is known as {' and as '.join(found)}; --as {found[0]} limits the story to one")
    return 0


def kind_of(catalog: Catalog, text: str) -> str:
    """The field that `order` or `order_id` names. Raises `UsageError` listing the fields."""
    known = sorted(story.identifiers(catalog))
    for name in (text, f"{text}_id"):
        if name in known:
            return name
    raise UsageError(f"--as takes one of {', '.join(known)}, not `{text}`")


def _removed(catalog: Catalog) -> str:
    """SQL: per stream, how many events its raw table no longer has (warehouse/sql/as_of.py)."""
    counted = "sum(events - dead_letters - coalesce(repeated, 0) - coalesce(tombstones, 0))"
    parts = [
        f"SELECT '{topic}' AS stream, (SELECT {counted} FROM stream_windows WHERE stream = '{topic}') "  # noqa: S608
        f"- (SELECT count(*) FROM {table}) AS removed"
        for topic in catalog.own
        if (table := catalog.raw_table(topic))
    ]
    return f"FROM ({' UNION ALL '.join(parts)}) WHERE removed > 0 ORDER BY stream"
