"""`streamgauge rebuild`: build beside the running file, compare with a snapshot of it, swap when told to."""

from __future__ import annotations

import shutil
import sys
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
from streamgauge.cli.rebuild.build import Running, build
from streamgauge.cli.rebuild.compare import OLDER, compare
from streamgauge.dead_letters.retry import records
from streamgauge.deltas import wire
from streamgauge.deltas.provenance import Provenance
from streamgauge.runtime import files, kafka, log_reader
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.errors import StreamgaugeError, UsageError
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
    with _alone(folder):
        kept = folder / f"warehouse.{catalog.digest}.duckdb"
        if swapping and kept.exists():
            output.line(f"{kept} is there from an earlier rebuild")
            return offer(settings, catalog, kept, lose_older=lose_older)
        same = rebuild(settings, catalog, folder, kept)
        if swapping:
            return offer(settings, catalog, kept, lose_older=lose_older)
        output.line(f"the new file is {kept}; `streamgauge rebuild --swap` puts it in the running one's place")
        return 0 if same else 1


def rebuild(settings: Settings, catalog: Catalog, folder: Path, kept: Path) -> bool:
    """Build and compare; leaves the new file at `kept`. True where all tables are identical."""
    building = folder / "building"
    shutil.rmtree(building, ignore_errors=True)
    for old in folder.glob("warehouse.*.duckdb"):
        old.unlink()
    try:
        running = _snapshot(building / "snapshots" / "running.duckdb")
        topics = {*catalog.streams, *settings.foreign_letter_topics}
        log = reread.look(settings, running.inputs, topics)
        for line in report.limits(log, running.inputs.unrecorded):
            output.line(line)
        for topic in sorted({topic for topic, _ in running.inputs.ranges} - topics):
            output.line(f"the catalog no longer has the stream {topic}: it is not read")
        output.line(f"reading {log.offsets:,} offsets of {len(log.ranges):,} partitions again")
        built = build(settings, catalog, running, reread.read(settings, log, _progress(log)), building)
        lost, same = 0, True
        for one in compare(settings, catalog, log, running.path, built):
            for line in report.lines([one]):
                output.line(line)
            lost += one.explained.get(OLDER, 0)
            same &= one.identical
        with duckdb.connect(str(built)) as db:
            db.execute("INSERT OR REPLACE INTO internal.facts VALUES (?, ?)", [LOST, str(lost)])
        built.replace(kept)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    output.line("identical" if same else "figures differ: see the tables marked with !")
    return same


def offer(settings: Settings, catalog: Catalog, kept: Path, *, lose_older: bool) -> int:
    """Put the file where the warehouse takes it, and wait until it did. Raises `UsageError` where that may not be."""
    with duckdb.connect(str(kept), read_only=True) as db:
        offsets = dict(db.execute("SELECT partition, next_offset FROM internal.offsets").fetchall())
        facts = dict(db.execute("SELECT name, value FROM internal.facts").fetchall())
    if (lost := int(facts.get(LOST, 0))) and not lose_older:
        raise UsageError(
            f"{lost:,} rows are only in the running file, the log no longer has their events; "
            "--lose-older swaps all the same"
        )
    _check_follows(settings, catalog, kept, offsets)
    swap.put(settings, catalog.digest, kept)
    output.line("offered to the warehouse; it goes on from where the snapshot stood")
    waiting, deadline = swap.prepared(settings, catalog.digest), time.monotonic() + SWAPPED_WITHIN_S
    while waiting.exists():
        if time.monotonic() > deadline:
            output.line("the warehouse has not taken it yet: it does when it starts with today's models")
            return 0
        time.sleep(0.2)
    output.line(f"swapped; the file before is {swap.before(settings)}")
    return 0


def _check_follows(settings: Settings, catalog: Catalog, kept: Path, offsets: dict[int, int]) -> None:
    """The log must still have every delta after the snapshot, and they must be of the models that made the file."""
    others: set[str] = set()

    def see(message: Any) -> bool:
        read = wire.parse(message).inputs
        if read is not None and read.models != catalog.digest:
            others.add(read.models)
        return bool(others)

    with records.reader(settings) as consumer:
        for number, following in offsets.items():
            low, high = consumer.get_watermark_offsets(TopicPartition(ANALYTICS_TOPIC, number), timeout=15)
            if not low <= following <= high:
                kept.unlink()
                raise UsageError(
                    f"{kept} is too old: {ANALYTICS_TOPIC}[{number}] has {low} to {high}, the file goes on at "
                    f"{following}; rebuild anew"
                )
        starts = [
            TopicPartition(place.topic, place.partition, offsets.get(place.partition, OFFSET_BEGINNING))
            for place in log_reader.partitions(consumer, ANALYTICS_TOPIC)
        ]
        records.scan(consumer, starts, see)
    if others:
        raise UsageError(
            f"analytics has run with other models since ({min(others)}, here {catalog.digest}), so what it made "
            "meanwhile does not fit: see that every replica is restarted, then rebuild anew"
        )


def _snapshot(path: Path) -> Running:
    path.parent.mkdir(parents=True, exist_ok=True)
    at = time.time()
    with warehouse_errors(), Warehouse() as warehouse:
        size = warehouse.snapshot(path)
    with duckdb.connect(str(path), read_only=True) as db:
        try:
            reflected = Provenance.load(db)
        except duckdb.CatalogException:
            raise UsageError(
                "the running warehouse is of a version that does not record its inputs: restart it"
            ) from None
        offsets = dict(db.execute("SELECT partition, next_offset FROM internal.offsets").fetchall())
        facts = dict(db.execute("SELECT name, value FROM internal.facts").fetchall())
    if not reflected.ranges:
        raise UsageError("nothing has been merged yet whose inputs are recorded: there is nothing to rebuild")
    output.line(f"snapshot of the running file: {size / 1e6:,.1f} MB in {time.time() - at:.1f} s")
    return Running(path, offsets, reflected, facts["cluster_id"], at)


def _progress(log: reread.Log) -> reread.Tell:
    total = max(1, log.offsets)

    def tell(events: int, offsets: int, seconds: float) -> None:
        rate = events / max(seconds, 0.001)
        sys.stderr.write(f"{events:,} events, {100 * offsets / total:.0f} %, {rate:,.0f} events/s\n")
        sys.stderr.flush()

    return tell


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    lock = files.try_lock(folder / "lock")
    if lock is None:
        raise UsageError(f"another rebuild runs in {folder}")
    with lock:
        try:
            yield
        except duckdb.Error as error:
            raise StreamgaugeError(f"rebuild: {str(error).splitlines()[0]}") from error
