"""`streamgauge rebuild`: builds a file beside the running one, compares it with a snapshot, swaps it on request."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC, Catalog
from streamgauge.cli import output
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.cli.rebuild import report, reread
from streamgauge.cli.rebuild.build import Snapshot, build
from streamgauge.cli.rebuild.compare import OLDER, compare
from streamgauge.dead_letters.retry import records
from streamgauge.deltas import wire
from streamgauge.deltas.provenance import Provenance
from streamgauge.runtime import files, kafka, log_reader
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.runtime.kafka import topic_ids
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import swap
from streamgauge.warehouse.client import Warehouse

SWAPPED_WITHIN_S = 60.0
LOST = "rebuild_lost"


def main(*, swapping: bool, lose_older: bool) -> int:
    """Run the command; returns the exit code: 0 identical (or swapped), 1 where figures differ."""
    settings = settings_module.load()
    catalog = loader.load(settings.catalog)
    kafka.require_broker(settings)
    folder = settings.data_dir / "rebuild"
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder):
        prepared = folder / f"warehouse.{catalog.digest}.duckdb"
        if swapping and prepared.exists():
            output.line(f"{prepared} exists from an earlier rebuild")
            return hand_over(settings, catalog, prepared, lose_older=lose_older)
        same = rebuild(settings, catalog, folder, prepared)
        if swapping:
            return hand_over(settings, catalog, prepared, lose_older=lose_older)
        output.line(f"the new file is {prepared}; `streamgauge rebuild --swap` puts it in the running one's place")
        return 0 if same else 1


def rebuild(settings: Settings, catalog: Catalog, folder: Path, prepared: Path) -> bool:
    """Build and compare; leaves the new file at `prepared`. True where all tables are identical."""
    building = folder / "building"
    shutil.rmtree(building, ignore_errors=True)
    for old in folder.glob("warehouse.*.duckdb"):
        old.unlink()
    try:
        snapshot = _snapshot(building / "snapshots" / "running.duckdb")
        topics = {*catalog.streams, *settings.foreign_letter_topics}
        log = reread.plan_read(settings, snapshot.provenance, topics)
        for line in report.limits(log, snapshot.provenance.unrecorded):
            output.line(line)
        for topic in sorted({topic for topic, _ in snapshot.provenance.ranges} - topics):
            output.line(f"the catalog no longer has the stream {topic}: it is left out")
        output.line(f"reading {log.offsets:,} offsets of {len(log.ranges):,} partitions")
        built = build(settings, catalog, snapshot, reread.read(settings, log, _progress(log)), building)
        lost, same = 0, True
        for one in compare(settings, catalog, log, snapshot.path, built):
            for line in report.lines([one]):
                output.line(line)
            lost += one.explained.get(OLDER, 0)
            same &= one.identical
        with duckdb.connect(str(built)) as db:
            db.execute("INSERT OR REPLACE INTO internal.facts VALUES (?, ?)", [LOST, str(lost)])
        built.replace(prepared)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    output.line("identical" if same else "figures differ: see the tables marked with !")
    return same


def hand_over(settings: Settings, catalog: Catalog, prepared: Path, *, lose_older: bool) -> int:
    """Put the file where the warehouse picks it up, and wait for that; returns the exit code.

    Raises `UsageError` where events would be lost, or where the file no longer fits the log.
    """
    with duckdb.connect(str(prepared), read_only=True) as db:
        offsets, topic_id = _offsets(db)
        facts = dict(db.execute("SELECT name, value FROM internal.facts").fetchall())
    if (lost := int(facts.get(LOST, 0))) and not lose_older:
        raise UsageError(
            f"{lost:,} rows are only in the running file, the log no longer has their events; "
            "use --lose-older to swap anyway"
        )
    _check_follows(settings, catalog, prepared, offsets, topic_id)
    swap.put(settings, catalog.digest, prepared)
    output.line("handed over to the warehouse, which resumes from the snapshot's offsets")
    waiting, deadline = swap.prepared(settings, catalog.digest), time.monotonic() + SWAPPED_WITHIN_S
    while waiting.exists():
        if time.monotonic() > deadline:
            output.line("the warehouse has not picked it up yet; it will when it starts with the present models")
            return 0
        time.sleep(0.2)
    output.line(f"swapped; the previous file is {swap.before(settings)}")
    return 0


def _check_follows(
    settings: Settings, catalog: Catalog, prepared: Path, offsets: dict[int, int], topic_id: str
) -> None:
    """Raise `UsageError` unless the log has every delta after the snapshot, and all are of the file's models."""
    now = topic_ids.read(kafka.admin(settings), [ANALYTICS_TOPIC]).get(ANALYTICS_TOPIC)
    if now is None or (topic_id and now.id != topic_id):
        prepared.unlink()
        raise UsageError(f"{prepared} is too old: {ANALYTICS_TOPIC} was deleted and made anew since; rebuild again")
    others: set[str] = set()

    def visit(message: Any) -> bool:
        read = wire.parse(message).inputs
        if read is not None and read.models != catalog.digest:
            others.add(read.models)
        return bool(others)

    with records.reader(settings) as consumer:
        for number, following in offsets.items():
            low, high = log_reader.span(consumer, (ANALYTICS_TOPIC, number))
            if not low <= following <= high:
                prepared.unlink()
                raise UsageError(
                    f"{prepared} is too old: {ANALYTICS_TOPIC}[{number}] has {low} to {high}, the file resumes at "
                    f"{following}; rebuild again"
                )
        starts = [
            TopicPartition(at.topic, at.partition, offsets.get(at.partition, OFFSET_BEGINNING))
            for at in log_reader.partitions(consumer, ANALYTICS_TOPIC)
        ]
        records.scan(consumer, starts, visit)
    if others:
        raise UsageError(
            f"analytics has run with other models since ({min(others)}, here {catalog.digest}), so its "
            "later deltas do not fit: restart every replica, then rebuild again"
        )


def _snapshot(path: Path) -> Snapshot:
    path.parent.mkdir(parents=True, exist_ok=True)
    at = time.time()
    with warehouse_errors(), Warehouse() as warehouse:
        size = warehouse.snapshot(path)
    with duckdb.connect(str(path), read_only=True) as db:
        try:
            provenance = Provenance.load(db)
        except duckdb.CatalogException:
            raise UsageError(
                "the running warehouse is of a version that does not record provenance: restart it"
            ) from None
        offsets, topic_id = _offsets(db)
        facts = dict(db.execute("SELECT name, value FROM internal.facts").fetchall())
    if not provenance.ranges:
        raise UsageError("nothing with recorded provenance has been merged yet: there is nothing to rebuild")
    output.line(f"snapshot of the running file: {size / 1e6:,.1f} MB in {time.time() - at:.1f} s")
    return Snapshot(path, offsets, provenance, facts["cluster_id"], at, topic_id)


def _offsets(db: duckdb.DuckDBPyConnection) -> tuple[dict[int, int], str]:
    """Next offset by partition of `analytics`, and the id of that topic."""
    rows = db.execute("SELECT partition, next_offset, topic_id FROM internal.offsets").fetchall()
    return {partition: following for partition, following, _ in rows}, max((str(row[2]) for row in rows), default="")


def _progress(log: reread.InputLog) -> reread.ReportProgress:
    total = max(1, log.offsets)

    def report_progress(events: int, offsets: int, seconds: float) -> None:
        rate = events / max(seconds, 0.001)
        output.note(f"{events:,} events, {100 * offsets / total:.0f} %, {rate:,.0f} events/s")

    return report_progress


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    lock = files.try_lock(folder / "lock")
    if lock is None:
        raise UsageError(f"another rebuild is running in {folder}")
    with lock:
        try:
            yield
        except duckdb.Error as error:
            raise StreamgaugeError(f"rebuild: {str(error).splitlines()[0]}") from error
