"""Cost of the lag sampler: CPU time per sample with thousands of partitions, extrapolated to 5,000.

    python -m benchmarks.lag [--partitions 2000] [--groups 10] [--samples 6]

One group reads each partition. Three cases: all caught up; all behind and idle; all behind and moving, so that each
sample must look up the time of every partition. The admin client makes the commits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from benchmarks.machine import machine
from streamgauge.runtime.kafka import Partition
from tests.support.publishing import ordered_producer
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

INTERVAL_S, TARGET_PARTITIONS, TARGET_SHARE = 10.0, 5_000, 0.15
A_TOPIC = 100
TOOK = "streamgauge_lag_sample_seconds"


class Load:
    """Topics, records in every partition, and the groups' commits."""

    def __init__(self, bootstrap: str, partitions: int, groups: int) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._producer = ordered_producer(bootstrap, linger_ms=50)
        topics = [f"bench-{number:03}" for number in range((partitions + A_TOPIC - 1) // A_TOPIC)]
        for topic in topics:
            (future,) = self._admin.create_topics([NewTopic(topic, A_TOPIC, 1)]).values()
            future.result(60)
        self.partitions: list[Partition] = [(topic, number) for topic in topics for number in range(A_TOPIC)][
            :partitions
        ]
        self._groups = [self.partitions[number::groups] for number in range(groups)]

    def produce(self, each: int) -> None:
        """Produce `each` records to every partition."""
        for partition in self.partitions * each:
            self._producer.produce(partition[0], b"x" * 100, partition=partition[1])
            self._producer.poll(0)
        if self._producer.flush(120):
            raise TimeoutError("the broker does not take the records")

    def commit(self, behind: int) -> None:
        """Commit for every group, `behind` records before the end."""
        ends = self._ends()
        for number, partitions in enumerate(self._groups):
            offsets = [TopicPartition(*partition, max(0, ends[partition] - behind)) for partition in partitions]
            wait_until(partial(self._taken, f"bench-{number}", offsets), f"group {number} has committed")

    def _taken(self, group: str, offsets: list[TopicPartition]) -> bool:
        """Retry: a coordinator that is starting rejects commits, per partition."""
        (future,) = self._admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)]).values()
        return all(one.error is None for one in future.result(60).topic_partitions)

    def _ends(self) -> Mapping[Partition, int]:
        futures = self._admin.list_offsets(
            {TopicPartition(*partition): OffsetSpec.latest() for partition in self.partitions}
        )
        return {(one.topic, one.partition): int(future.result(60).offset) for one, future in futures.items()}


def lag_seconds_known(worker: Worker) -> int:
    """Partitions with a known time lag."""
    return sum(name.startswith("kafka_consumergroup_lag_seconds{") for name in worker.metrics())


def measure(worker: Worker, count: int, meanwhile: Callable[[], None]) -> tuple[float, float]:
    """CPU and wall seconds per sample, over `count` samples; `meanwhile` is called between them.

    It is scraped once an interval, as Prometheus would do, and that is in the figure: more often would be dear.
    """
    time.sleep(2 * INTERVAL_S)
    before, cpu_s = worker.metrics(), worker.cpu_s()
    began = time.monotonic()
    for number in range(count):
        meanwhile()
        time.sleep(max(0.0, began + (number + 1) * INTERVAL_S - time.monotonic()))
        after = worker.metrics()
    taken = after[f"{TOOK}_count"] - before[f"{TOOK}_count"]
    return (worker.cpu_s() - cpu_s) / taken, (after[f"{TOOK}_sum"] - before[f"{TOOK}_sum"]) / taken


def run(rig: Rig, partitions: int, groups: int, count: int) -> None:
    """Print the table."""
    load = Load(rig.kafka.bootstrap, partitions, groups)
    load.produce(3)
    load.commit(0)
    worker = rig.start("process", "lag", lag_interval_s=INTERVAL_S)
    print(f"{machine()}; {partitions:,} partitions, {groups} groups, a sample every {INTERVAL_S:g} s")
    print(f"{'':28}{'s a sample':>12}{'CPU s':>8}{'of a core':>11}{f'at {TARGET_PARTITIONS:,}':>10}{'with a time':>13}")

    def move() -> None:
        # A record every two seconds in each partition; groups are four to six seconds behind.
        for _ in range(5):
            load.produce(1)
            time.sleep(INTERVAL_S / 5 - 0.5)
        load.commit(2)

    def row(name: str, meanwhile: Callable[[], None]) -> None:
        cpu_s, wall_s = measure(worker, count, meanwhile)
        share = cpu_s / INTERVAL_S
        scaled = share * TARGET_PARTITIONS / partitions
        known = lag_seconds_known(worker) / partitions
        print(f"{name:28}{wall_s:12.2f}{cpu_s:8.2f}{share:11.1%}{scaled:10.1%}{known:13.1%}", flush=True)

    row("all caught up", lambda: None)
    load.produce(5)
    row("all behind, standing still", lambda: None)
    row("all behind, moving", move)
    print(f"target: {TARGET_SHARE:.0%} of a core at {TARGET_PARTITIONS:,}")


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, default=2_000)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--samples", type=int, default=6)
    # `make bench` passes its options to all benchmarks.
    options, _ = parser.parse_known_args()
    with new_rig(partitions=1) as rig:
        run(rig, options.partitions, options.groups, options.samples)


if __name__ == "__main__":
    main()
