"""A real Prometheus on a running pipeline: it finds every process, every metric is as its catalogue declares, and the
number of orders, customers and campaigns adds no series.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import pytest

from streamgauge.catalog import loader
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.metric import Metric
from streamgauge.runtime.metrics import CATALOGUE
from streamgauge.warehouse.client import QueryError, Warehouse
from tests.support.commerce_events import order
from tests.support.figures import figure
from tests.support.prometheus import Prometheus, prometheus
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, make_topics, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
WITHIN_S = 120.0
KEYS = 100_000
REGIONS = 1_000
TARGET = {"job", "instance", "process"}
# Absent from a healthy pipeline, each with the reason.
ABSENT = {
    "streamgauge_rows_expired_total": "nothing is old enough",
    "streamgauge_consumergroup_catch_up_seconds": "no lag shrinks for long enough",
    "streamgauge_consumergroup_inactive_behind_events": "every group has members",
    "streamgauge_consumergroup_unassigned_partitions": "every partition has a member",
    "streamgauge_consumergroup_lost_events_total": "retention deletes nothing unread",
    "streamgauge_lag_failed": "no part of a sample failed",
    "streamgauge_outdated_events_total": "no event is that old",
    "streamgauge_stream_set_aside": "every stream goes on",
    "streamgauge_tombstones_total": "no message is without a value",
}
# The commerce services would take ten more seconds of processor time; test_saga.py and test_fraud.py run them.
NOT_STARTED = ("streaming", "fulfilment", "fraud", "attribution", "shop")
# Metrics that only they export, and metrics of streams with deduplication.
SILENT = (
    "streamgauge_kpi_fulfilment_",
    "streamgauge_kpi_fraud_",
    "streamgauge_view_",
    "streamgauge_repeated_events_total",
    "streamgauge_remembered_ids",
)


def wait_until_none(differences: Callable[[], Mapping[str, object]], what: str) -> None:
    """Poll until there are no differences left; fails with those that remain."""
    deadline = time.monotonic() + WITHIN_S
    while (found := differences()) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert not found, f"{what}: {found}"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Broker, two analytics replicas, warehouse, lag, dashboard, and a shop with some bad and some late events."""
    require_kafka()
    # The interval is also how long the sampler waits for a response: a busy machine needs some seconds.
    with new_rig(lag_interval_s=5, lag_window_samples=2, dashboard_port=free_port()) as rig:
        replica = ("process", "analytics")
        rig.start_together(("warehouse",), replica, replica, ("process", "lag"), ("dashboard",))
        rig.start("generate", "--rate", "200", "--invalid", "0.05", "--late", "0.05")
        make_topics(rig.kafka, ("unread",), 1)
        with publishing(rig.kafka.bootstrap) as send:
            send("unread", None, b"read by nobody")
        yield rig


@pytest.fixture(scope="module")
def prom(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus on it."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), rig.settings.data_dir) as running:
        yield running


def test_every_process_is_found_and_up(rig: Rig, prom: Prometheus) -> None:
    def wrong() -> dict[str, object]:
        health = {str(target.labels): f"{target.health} {target.error}" for target in prom.targets()}
        missing = {"missing": len(rig.workers) - len(health)} if len(health) != len(rig.workers) else {}
        return missing | {name: state for name, state in health.items() if state != "up "}

    wait_until_none(wrong, "targets that are not up")
    found = [target.labels["process"] for target in prom.targets()]
    assert sorted(found) == ["analytics", "analytics", "dashboard", "generate", "lag", "warehouse"]


def test_every_metric_is_as_declared(prom: Prometheus, warehouse: Warehouse) -> None:
    """Present with its type and exactly its labels, served by the process that the catalogue names."""
    warehouse.query("SELECT 1")
    with contextlib.suppress(QueryError):
        warehouse.query("SELECT getenv('HOME')")
    expected = [*CATALOGUE, *loader.load("streamgauge.catalog.commerce").metrics]
    there = [metric for metric in expected if metric.process not in NOT_STARTED and not metric.name.startswith(SILENT)]
    wait_until_none(lambda: differences(there, prom), "metrics that are not as declared")
    served = {name for name in prom.metadata() if name.startswith(("streamgauge_", "kafka_"))}
    assert served <= {metric.name for metric in expected}, "metrics that are not declared"


def differences(expected: list[Metric], prom: Prometheus) -> dict[str, object]:
    """What Prometheus has against what was declared, by series name. What may be absent must be right if present."""
    labels, processes_of = defaultdict[str, set[frozenset[str]]](set), defaultdict[str, set[str]](set)
    for series in prom.series('{__name__=~"streamgauge_.*|kafka_.*"}'):
        labels[series["__name__"]].add(frozenset(series) - TARGET - {"__name__"})
        processes_of[series["__name__"]].add(series["process"])
    types = prom.metadata()
    wrong: dict[str, object] = {}
    for metric in expected:
        for name, more in names(metric).items():
            if name not in labels:
                if metric.name not in ABSENT:
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
    """The names of a metric's series, with the labels that they have besides its own."""
    if metric.kind != "histogram":
        return {metric.name: ()}
    return {f"{metric.name}_bucket": ("le",), f"{metric.name}_sum": (), f"{metric.name}_count": ()}


def test_kpi_counters_equal_the_tables(rig: Rig, prom: Prometheus, warehouse: Warehouse) -> None:
    """Each counter equals the sum of its table, by dimension too."""
    rig.workers[-1].stop()
    counted = "sum by (region) (streamgauge_kpi_order_windows_revenue_cents_total)"

    def differ() -> dict[str, object]:
        rows = warehouse.query("SELECT region, sum(revenue_cents) AS cents FROM order_windows GROUP BY ALL").to_pylist()
        table = {row["region"]: int(row["cents"]) for row in rows}
        found = {s.labels["region"]: int(s.value) for s in prom.query(counted)}
        return {} if table == found and table else {"table": table, "counters": found}

    wait_until_none(differ, "revenue by region")


def test_business_keys_add_no_series(rig: Rig, prom: Prometheus, warehouse: Warehouse) -> None:
    """100,000 orders, customers and campaigns, and a producer that writes nonsense into the region."""
    orders = "streamgauge_kpi_order_windows_orders_total"
    all_in = "SELECT sum(events) FROM stream_windows WHERE stream = 'orders'"
    kpis = next(
        model.kpis for model in loader.load("streamgauge.catalog.commerce").models if model.name == "order_windows"
    )
    assert kpis is not None
    # May be added: the label sets of one model, which are bounded, and those of a reason or table not used before.
    more = len(kpis.measures) * (rig.settings.kpi_max_series + 1) + 100

    before = samples(rig)
    had = figure(warehouse, all_in)

    def arrived() -> bool:
        # First what the processes export: if they or Prometheus choke on it, they export nothing later.
        assert samples(rig) - before <= more
        return figure(warehouse, all_in) >= had + KEYS

    publish(rig)
    wait_until(arrived, f"{KEYS:,} orders are in the tables", WITHIN_S, every_s=0.5)
    assert figure(warehouse, "SELECT count(DISTINCT customer_id) FROM order_events WHERE order_id LIKE 'key-%'") == KEYS
    total = figure(warehouse, "SELECT sum(orders) FROM order_windows")
    most = rig.settings.kpi_max_series
    expected = {
        f"sum({orders}) == {total}": "not all orders are counted",
        f'{orders}{{region="other"}} > {REGIONS - most}': "regions beyond the bound are not under `other`",
        f'streamgauge_kpi_label_sets{{model="order_windows"}} == {most}': "the bound is not reached",
        f'count({{job="streamgauge",process!="lag"}}) <= {before + more}': "there are more series than may be",
    }
    wait_until_none(
        lambda: {query: why for query, why in expected.items() if not prom.query(query)}, "after 100,000 keys"
    )
    keyed = prom.series('{__name__!="",job="streamgauge"}')
    assert [row for row in keyed if any(value.startswith(("key-", "customer-")) for value in row.values())] == []


def samples(rig: Rig) -> int:
    """Samples that all processes export together, without the lag sampler's, which come and go with its last sample."""
    return sum(
        len(served(worker))
        for worker in rig.workers
        if worker.process.poll() is None and "process-lag" not in worker.log.name
    )


def served(worker: Worker) -> dict[str, float]:
    """The samples that a process exports; a busy one may need a second request."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := worker.metrics()):
        assert time.monotonic() < deadline, f"nothing on port {worker.port}; its log is {worker.log}"
    return found


def publish(rig: Rig) -> None:
    """KEYS orders, each with a key, customer and campaign of its own; the last REGIONS have a region of their own."""
    with publishing(rig.kafka.bootstrap, linger_ms=20) as send:
        for n in range(KEYS):
            event = order(
                f"key-{n}",
                customer_id=f"customer-{n}",
                region=f"region-{n}" if n >= KEYS - REGIONS else "eu-west",
                campaign_id=f"campaign-{n}",
                items=[{"sku": f"sku-{n}", "quantity": 1, "unit_price_cents": 100}],
            )
            send("orders", event["order_id"], event)


def test_a_killed_process_is_a_target_that_is_down(rig: Rig, prom: Prometheus) -> None:
    """Until `streamgauge status` removes its run file, or another process gets its port."""
    replica = rig.workers[1]
    address = f"127.0.0.1:{replica.port}"

    def health() -> list[str]:
        return [target.health for target in prom.targets() if target.labels["instance"] == address]

    replica.kill()
    wait_until(lambda: health() == ["down"], "the killed replica's target is down", WITHIN_S)
    wait_until(lambda: prom.value(f'up{{instance="{address}"}}') == 0, "it is not up", WITHIN_S)
    run_file.living(rig.settings.data_dir)
    wait_until(lambda: health() == [], "its target is gone", WITHIN_S)
