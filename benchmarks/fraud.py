"""Latency and throughput of fraud verdicts (their quality: fraud_quality.py).

    python -m benchmarks.fraud [--rate 1000] [--seconds 60] [--prefilled 60000] [--only latency]

Latency is the time from producing `payment.requested` until a read-committed consumer has the verdict, with a warm
replica. Throughput is measured over a pre-filled topic with one replica and with two, from when all are ready. Broker,
replicas and benchmark share the machine.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Iterator
from random import Random

import msgspec
import psutil
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.machine import machine
from generators.world import REGIONS, World
from streamgauge.catalog.commerce.events import FraudEvent, PaymentEvent
from tests.support.publishing import ordered_producer
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

PARTITIONS = 6
WARM_UP_S = 5
_encode = msgspec.json.Encoder().encode
_verdict = msgspec.json.Decoder(FraudEvent).decode


def payments(seed: int, run: str) -> Iterator[PaymentEvent]:
    """Payment requests of the shop's customers, a few of whom pay often; the caller sets event times."""
    rng = Random(seed)
    world = World(rng, 1_000, 0)
    number = 0
    while True:
        number += 1
        customer = world.customer_pool[rng.randrange(len(world.customer_pool))]
        yield PaymentEvent(
            event_id=f"{run}-{number}",
            event_type="payment.requested",
            occurred_at=0,
            source="benchmark",
            schema_version=1,
            payment_id=f"P-{run}-{number}",
            order_id=f"O-{run}-{number}",
            customer_id=customer.customer_id,
            method=customer.method,  # type: ignore[arg-type]
            amount_cents=int(100 + rng.lognormvariate(8.5, 0.7)),
            currency="EUR",
            card=f"K{customer.index:06d}a" if customer.method == "card" else None,
            region=REGIONS[customer.region].name,
        )


class Verdicts:
    """A read-committed consumer of `fraud` on a thread: arrival time of the verdict of each order."""

    def __init__(self, bootstrap: str) -> None:
        self.arrived: dict[str, tuple[float, str]] = {}
        self.repeated = 0
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "benchmark",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )
        self._consumer.assign([TopicPartition("fraud", number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            for message in self._consumer.consume(1_000, 0.005):
                if message.error() is None and b"fraud.flagged" not in message.value():
                    event = _verdict(message.value())
                    self.repeated += event.order_id in self.arrived
                    self.arrived[event.order_id] = (time.perf_counter(), event.event_type)

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()


def cores_used() -> tuple[float, float]:
    """CPU seconds so far: of the whole machine, and of this benchmark with its broker and replicas."""
    machine_s = psutil.cpu_times()
    me = psutil.Process()
    ours = sum(sum(one.cpu_times()[:2]) for one in (me, *me.children(recursive=True)))
    return sum(machine_s) - machine_s.idle - getattr(machine_s, "iowait", 0.0), ours


def quantile(values: list[float], share: float) -> float:
    """The `share` quantile of the values."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def latency(rig: Rig, rate: int, seconds: int) -> None:
    """Print p50, p90, p99 and the maximum of the time to a verdict."""
    worker = rig.start("process", "fraud")
    verdicts = Verdicts(rig.kafka.bootstrap)
    producer = ordered_producer(rig.kafka.bootstrap, linger_ms=2)
    requested: dict[str, tuple[float, str]] = {}
    cpu_s, used = 0.0, (0.0, 0.0)
    began = time.perf_counter()
    for number, event in enumerate(payments(1, "l")):
        due = began + number / rate
        if due - began > seconds + WARM_UP_S:
            break
        while (ahead := due - time.perf_counter()) > 0:
            time.sleep(min(ahead, 0.002))
        if number == WARM_UP_S * rate:
            cpu_s, used = worker.cpu_s(), cores_used()
        event.occurred_at = int(time.time() * 1_000)
        producer.produce("payments", _encode(event), event.order_id.encode())
        producer.poll(0)
        requested[event.order_id] = (time.perf_counter(), event.method)
    cpu_s = worker.cpu_s() - cpu_s
    whole, ours = (after - before for after, before in zip(cores_used(), used, strict=True))
    producer.flush(30)
    wait_until(lambda: len(verdicts.arrived) >= len(requested), "a verdict on each", alive=worker.process)
    verdicts.stop()
    print(f"latency at {rate:,} payments/s for {seconds} s, a commit every {rig.settings.fraud_commit_interval_ms} ms")
    shares = [f"{name} {spent / seconds:.0%}" for name, spent in (("replica", cpu_s), ("all of this", ours))]
    print(f"  of one core: {', '.join(shares)}; others on the machine {(whole - ours) / seconds:.0%}")
    warm = {order: request for order, request in requested.items() if request[0] > began + WARM_UP_S}
    for name, methods in (("card", {"card"}), ("others", {"wallet", "bank_transfer", "bnpl"}), ("all", None)):
        took = [
            (verdicts.arrived[order][0] - at) * 1_000
            for order, (at, method) in warm.items()
            if methods is None or method in methods
        ]
        figures = "  ".join(f"p{share * 100:g} {quantile(took, share):6.0f} ms" for share in (0.5, 0.9, 0.99, 1))
        print(f"  {name:8}{len(took):8,} payments  {figures}  mean {statistics.mean(took):.0f} ms")
    print(f"  verdicts repeated: {verdicts.repeated}", flush=True)
    worker.stop()


def fill(bootstrap: str, count: int, run: str) -> None:
    """`count` requests in `payments`, over the last ten minutes."""
    producer = ordered_producer(bootstrap, linger_ms=50, queue_buffering_max_messages=500_000)
    start = int(time.time() * 1_000) - 600_000
    for number, event in zip(range(count), payments(2, run), strict=False):
        event.occurred_at = start + number * 600_000 // count
        producer.produce("payments", _encode(event), event.order_id.encode())
        producer.poll(0)
    if producer.flush(60):
        raise TimeoutError("the broker does not take the requests")


def throughput(rig: Rig, count: int, replicas: int) -> float:
    """Verdicts per second over a pre-filled topic, from when all replicas are ready."""
    fill(rig.kafka.bootstrap, count, f"t{replicas}")
    verdicts = Verdicts(rig.kafka.bootstrap)
    workers: list[Worker] = [rig.start("process", "fraud", ready=False) for _ in range(replicas)]
    for worker in workers:
        wait_until(worker.healthy, "ready", alive=worker.process)
    began, at_start = time.perf_counter(), len(verdicts.arrived)
    wait_until(lambda: len(verdicts.arrived) >= count, f"{count} verdicts", 600, alive=workers[0].process, every_s=0.2)
    took = time.perf_counter() - began
    verdicts.stop()
    for worker in workers:
        worker.stop()
    return (count - at_start) / took


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--prefilled", type=int, default=60_000)
    parser.add_argument("--commit-interval", type=int, default=None)
    parser.add_argument("--only", choices=("latency", "throughput"))
    # `make bench` passes its options to all benchmarks.
    options, _ = parser.parse_known_args()
    print(machine())
    values = {} if options.commit_interval is None else {"fraud_commit_interval_ms": options.commit_interval}
    if options.only in (None, "latency"):
        with new_rig(PARTITIONS, **values) as rig:
            latency(rig, options.rate, options.seconds)
    if options.only in (None, "throughput"):
        for replicas in (1, 2):
            with new_rig(PARTITIONS, **values) as rig:
                rate = throughput(rig, options.prefilled, replicas)
            print(
                f"throughput, {replicas} replica(s), {options.prefilled:,} payments: {rate:,.0f} payments/s", flush=True
            )


if __name__ == "__main__":
    main()
