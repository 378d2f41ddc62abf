"""A concurrent read-committed reader of `analytics`: what anybody else would see of the deltas."""

from __future__ import annotations

import threading
from collections import Counter

import pyarrow as pa
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition


class Reader:
    """Counts, for every raw table, how often each source position was delivered. Stop it, then look at `places`."""

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
                    self._see(model, pa.ipc.open_stream(message.value()).read_all())

    def _see(self, model: str, rows: pa.Table) -> None:
        if model == "stream_windows":
            self.events += sum(rows.column("events").to_pylist())
        elif model.endswith("_events"):
            columns = (rows.column(name).to_pylist() for name in ("kafka_partition", "kafka_offset"))
            self.places.update((model, partition, offset) for partition, offset in zip(*columns, strict=True))

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()
