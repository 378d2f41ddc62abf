"""A real Prometheus on a running pipeline: it finds every process, and every metric is what the catalogue says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.rig import Rig, rig
from tests.conftest import require_kafka
from tests.prometheus import Prometheus, prometheus
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Rig]:
    """Broker, two analytics replicas, warehouse and dashboard, ready."""
    require_kafka()
    with rig() as made:
        made.start("process", "analytics")
        made.start("process", "analytics")
        made.start("warehouse")
        yield made


@pytest.fixture(scope="module")
def prom(pipeline: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus on it."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with prometheus(folder, pipeline.settings.data_dir) as running:
        yield running


def test_every_process_is_found_and_up(pipeline: Rig, prom: Prometheus) -> None:
    wait_until(lambda: prom.all_up(len(pipeline.workers)), 60, f"targets up: {prom.targets()}")
    assert sorted(target.labels["process"] for target in prom.targets()) == ["analytics", "analytics", "warehouse"]
