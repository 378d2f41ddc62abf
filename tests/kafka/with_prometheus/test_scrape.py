"""A real Prometheus on a running pipeline: it finds every process, every metric is what the catalogue says, and what
the business does adds no series.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import pytest

from streamgauge.catalog import loader
from streamgauge.cli.local.kafka.broker import free_port
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.metric import Metric
from streamgauge.runtime.metrics import CATALOGUE
from streamgauge.warehouse.client import QueryError, Warehouse
from tests.conftest import require_kafka
from tests.repo.test_generated import NOT_SET_YET
from tests.support.prometheus import Prometheus, prometheus
from tests.support.rig import Rig, Worker, make_topics, new_rig, ordered_producer
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
WITHIN_S = 120.0
KEYS = 100_000
REGIONS = 1_000
TARGET = {"job", "instance", "process"}
# Absent from a pipeline that is well, each with the reason.
ABSENT = {
    "streamgauge_rows_expired_total": "nothing is old enough",
    "streamgauge_consumergroup_catch_up_seconds": "no lag shrinks for long enough",
    "streamgauge_consumergroup_inactive_behind_events": "every group has members",
    "streamgauge_consumergroup_unassigned_partitions": "every partition has a member",
    "streamgauge_lag_failed": "no part of a sample failed",
}
# The commerce services are ten seconds of processor time more; tests/kafka/test_saga.py and test_fraud.py run them.
NOT_STARTED = ("streaming", "fulfilment", "fraud", "attribution", "shop")
# What only they publish, and what only a stream with a horizon has.
SILENT = (
    "streamgauge_kpi_fulfilment_",
    "streamgauge_kpi_fraud_",
    "streamgauge_view_",
    "streamgauge_repeated_events_total",
    "streamgauge_remembered_ids",
)


def settled(look: Callable[[], Mapping[str, object]], what: str) -> None:
    """Look until there is nothing left to say; fails with what there still is."""
    deadline = time.monotonic() + WITHIN_S
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not found, f"{what}: {found}"


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Rig]:
    """Broker, two analytics replicas, warehouse, lag, dashboard, and a shop with some bad and some late events."""
    require_kafka()
    # The interval is also how long the sampler waits for an answer: a busy machine needs some seconds.
    with new_rig(lag_interval_s=5, lag_window_samples=2) as made:
        names = [("warehouse",), ("process", "analytics"), ("process", "analytics"), ("process", "lag"), ("dashboard",)]
        started = [made.start(*name, ready=False, dashboard_port=free_port()) for name in names]
        made.start("generate", "--rate", "200", "--invalid", "0.05", "--late", "0.05")
        make_topics(made.kafka, ("unread",), 1)
        producer = ordered_producer(made.kafka.bootstrap)
        producer.produce("unread", b"by nobody")
        assert producer.flush(WITHIN_S) == 0
        for worker in started:
            wait_until(worker.healthy, f"ready; its log is {worker.log}", WITHIN_S)
        yield made


@pytest.fixture(scope="module")
def prom(pipeline: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus on it."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), pipeline.settings.data_dir) as running:
        yield running


@pytest.fixture(scope="module")
def sql(pipeline: Rig) -> Iterator[Warehouse]:
    """A client of its warehouse."""
    with Warehouse(pipeline.settings) as client:
        yield client


def figure(sql: Warehouse, query: str) -> int:
    """One number, 0 while there is none."""
    (row,) = sql.query(query).to_pylist()
    return int(next(iter(row.values())) or 0)


def test_every_process_is_found_and_up(pipeline: Rig, prom: Prometheus) -> None:
    def wrong() -> dict[str, object]:
        health = {str(target.labels): f"{target.health} {target.error}" for target in prom.targets()}
        missing = {"missing": len(pipeline.workers) - len(health)} if len(health) != len(pipeline.workers) else {}
        return missing | {name: state for name, state in health.items() if state != "up "}

    settled(wrong, "targets that are not up")
    found = [target.labels["process"] for target in prom.targets()]
    assert sorted(found) == ["analytics", "analytics", "dashboard", "generate", "lag", "warehouse"]


def test_every_metric_is_what_the_catalogue_says(prom: Prometheus, sql: Warehouse) -> None:
    """Present with its type and exactly its labels, served by the process that the catalogue names."""
    sql.query("SELECT 1")
    with contextlib.suppress(QueryError):
        sql.query("SELECT getenv('HOME')")
    expected = [*CATALOGUE, *loader.load("streamgauge.catalog.commerce").metrics]
    there = [metric for metric in expected if metric.process not in NOT_STARTED and not metric.name.startswith(SILENT)]
    settled(lambda: differences(there, prom), "metrics that are not as declared")
    served = {name for name in prom.metadata() if name.startswith(("streamgauge_", "kafka_"))}
    assert served <= {metric.name for metric in expected}, "metrics that nobody declared"


def differences(expected: list[Metric], prom: Prometheus) -> dict[str, object]:
    """What Prometheus has against what was declared, by series name; what may be absent is right when it is there."""
    labels, processes_of = defaultdict[str, set[frozenset[str]]](set), defaultdict[str, set[str]](set)
    for series in prom.series('{__name__=~"streamgauge_.*|kafka_.*"}'):
        labels[series["__name__"]].add(frozenset(series) - TARGET - {"__name__"})
        processes_of[series["__name__"]].add(series["process"])
    types = prom.metadata()
    wrong: dict[str, object] = {}
    for metric in expected:
        for name, more in names(metric).items():
            if name not in labels:
                if metric.name not in ABSENT.keys() | NOT_SET_YET:
                    wrong[name] = "no series"
            elif types[metric.name][0] != metric.kind:
                wrong[name] = f"is a {types[metric.name][0]}, not a {metric.kind}"
            elif labels[name] != {frozenset((*metric.labels, *more)) - TARGET}:
                wrong[name] = f"has the labels {labels[name]}"
            elif metric.process not in ("all", *processes_of[name]) or (
                metric.process != "all" and len(processes_of[name]) > 1
            ):
                wrong[name] = f"is served by {processes_of[name]}"
    return wrong


def names(metric: Metric) -> dict[str, tuple[str, ...]]:
    """The names of a metric's series, with the labels they have beside its own."""
    if metric.kind != "histogram":
        return {metric.name: ()}
    return {f"{metric.name}_bucket": ("le",), f"{metric.name}_sum": (), f"{metric.name}_count": ()}


def test_kpi_counters_are_the_tables(pipeline: Rig, prom: Prometheus, sql: Warehouse) -> None:
    """What was counted is what the tables add up to, by dimension too."""
    pipeline.workers[-1].stop()
    counted = "sum by (region) (streamgauge_kpi_order_windows_revenue_cents_total)"

    def differ() -> dict[str, object]:
        rows = sql.query("SELECT region, sum(revenue_cents) AS cents FROM order_windows GROUP BY ALL").to_pylist()
        table = {row["region"]: int(row["cents"]) for row in rows}
        found = {s.labels["region"]: int(s.value) for s in prom.query(counted)}
        return {} if table == found and table else {"table": table, "counters": found}

    settled(differ, "revenue by region")


def test_what_the_business_does_adds_no_series(pipeline: Rig, prom: Prometheus, sql: Warehouse) -> None:
    """100,000 orders, customers and campaigns, and a producer that writes nonsense where the region should be."""
    orders = "streamgauge_kpi_order_windows_orders_total"
    all_in = "SELECT sum(events) FROM stream_windows WHERE stream = 'orders'"
    kpis = next(
        model.kpis for model in loader.load("streamgauge.catalog.commerce").models if model.name == "order_windows"
    )
    assert kpis is not None
    # What may come: the label sets of one model, which are bounded, and a reason or a table that nothing had met.
    more = len(kpis.measures) * (pipeline.settings.kpi_max_series + 1) + 100

    before = samples(pipeline)
    had = figure(sql, all_in)

    def arrived() -> bool:
        # First what the processes serve: those, and a Prometheus, that choke on it have nothing to say later.
        assert samples(pipeline) - before <= more
        return figure(sql, all_in) >= had + KEYS

    publish(pipeline)
    wait_until(arrived, f"{KEYS:,} orders are in the tables", WITHIN_S, every_s=0.5)
    assert figure(sql, "SELECT count(DISTINCT customer_id) FROM order_events WHERE order_id LIKE 'key-%'") == KEYS
    total = figure(sql, "SELECT sum(orders) FROM order_windows")
    most = pipeline.settings.kpi_max_series
    expected = {
        f"sum({orders}) == {total}": "not all orders are counted",
        f'{orders}{{region="other"}} > {REGIONS - most}': "regions beyond the bound are not under `other`",
        f'streamgauge_kpi_label_sets{{model="order_windows"}} == {most}': "the bound is not reached",
        f'count({{job="streamgauge",process!="lag"}}) <= {before + more}': "there are more series than may be",
    }
    settled(lambda: {query: why for query, why in expected.items() if not prom.query(query)}, "after 100,000 keys")
    keyed = prom.series('{__name__!="",job="streamgauge"}')
    assert [row for row in keyed if any(value.startswith(("key-", "customer-")) for value in row.values())] == []


def samples(pipeline: Rig) -> int:
    """Samples that the processes serve, all together. Those of the lag sampler come and go with its last sample."""
    return sum(
        len(served(worker))
        for worker in pipeline.workers
        if worker.process.poll() is None and worker.log.name != "process-lag.log"
    )


def served(worker: Worker) -> dict[str, float]:
    """What a process serves; a busy one may need a second try."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := worker.metrics()):
        assert time.monotonic() < deadline, f"nothing on port {worker.port}; its log is {worker.log}"
    return found


def publish(pipeline: Rig) -> None:
    """KEYS orders, each with a key, customer and campaign of its own; the last REGIONS have a region of their own."""
    producer = ordered_producer(pipeline.kafka.bootstrap, linger_ms=20, queue_buffering_max_messages=KEYS)
    now = int(time.time() * 1_000)
    for n in range(KEYS):
        event = {
            "event_id": f"e-{n}",
            "event_type": "order.placed",
            "occurred_at": now,
            "source": "test",
            "schema_version": 1,
            "order_id": f"key-{n}",
            "customer_id": f"customer-{n}",
            "region": f"region-{n}" if n >= KEYS - REGIONS else "eu-west",
            "channel": "web",
            "payment_method": "card",
            "currency": "EUR",
            "amount_cents": 100,
            "campaign_id": f"campaign-{n}",
            "items": [{"sku": f"sku-{n}", "quantity": 1, "unit_price_cents": 100}],
        }
        producer.produce("orders", json.dumps(event), event["order_id"])
    assert producer.flush(WITHIN_S) == 0


def test_a_killed_process_is_a_target_that_is_down(pipeline: Rig, prom: Prometheus) -> None:
    """Until `streamgauge status` looks, or another process gets its port."""
    replica = pipeline.workers[1]
    address = f"127.0.0.1:{replica.port}"

    def health() -> list[str]:
        return [target.health for target in prom.targets() if target.labels["instance"] == address]

    replica.kill()
    wait_until(lambda: health() == ["down"], "the killed replica's target is down", WITHIN_S)
    wait_until(lambda: prom.value(f'up{{instance="{address}"}}') == 0, "it is not up", WITHIN_S)
    run_file.living(pipeline.settings.data_dir)
    wait_until(lambda: health() == [], "its target is gone", WITHIN_S)
