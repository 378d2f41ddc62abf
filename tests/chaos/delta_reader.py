"""A concurrent read-committed reader of `analytics`, which receives the deltas as any other consumer would."""

from __future__ import annotations

import json
import threading
from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from streamgauge.warehouse.client import Warehouse
from tests.support import audit
from tests.support.figures import events_visible
from tests.support.rig import Rig
from tests.support.waiting import wait_until


class DeltaReader:
    """Counts, for each raw table, how often each source position was delivered: `places`, to be read after `stop`.

    `events` are those of the generator's streams alone.
    """

    def __init__(self, bootstrap: str) -> None:
        self.places: Counter[tuple[str, int, int]] = Counter()
        self.events = 0
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "chaos-reader",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        # Assigned, not subscribed: a group would hand out the partitions again after an outage, from the earliest.
        partitions = self._consumer.list_topics("analytics", timeout=10).topics["analytics"].partitions
        self._consumer.assign([TopicPartition("analytics", number, OFFSET_BEGINNING) for number in partitions])
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(100, 0.2):
                if message.error() is None:
                    model = dict(message.headers() or [])["model"].decode()
                    self._count(model, pa.ipc.open_stream(message.value()).read_all())

    def _count(self, model: str, rows: pa.Table) -> None:
        if model == "stream_windows":
            counted = zip(rows.column("stream").to_pylist(), rows.column("events").to_pylist(), strict=True)
            self.events += sum(events for stream, events in counted if stream in audit.RAW)
        elif model.endswith("_events"):
            columns = (rows.column(name).to_pylist() for name in ("kafka_partition", "kafka_offset"))
            self.places.update((model, partition, offset) for partition, offset in zip(*columns, strict=True))

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()


def assert_exactly_once(rig: Rig, ledger_file: Path, reader: DeltaReader) -> None:
    """Every table equals the generator's ledger, and the reader received each delta once. Stops the reader."""
    ledger = json.loads(ledger_file.read_text())
    assert ledger["undelivered"] == 0
    with Warehouse(rig.settings) as warehouse:
        visible = partial(events_visible, warehouse)
        wait_until(lambda: visible() >= ledger["produced"], f"{ledger['produced']} events visible", 90)
        wait_until(lambda: reader.events >= ledger["produced"], "the reader has caught up", 60)
        reader.stop()
        assert audit.differences(ledger, warehouse) == []
    assert [place for place, times in reader.places.items() if times != 1] == []
    assert reader.events == ledger["produced"]
    assert len(reader.places) == ledger["valid"]
