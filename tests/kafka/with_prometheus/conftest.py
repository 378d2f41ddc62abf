"""A running pipeline for the tests of dashboards and alerts, and a Prometheus whose rules run on a shortened clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from grafana import prometheus_rules, runbooks
from grafana.alerts import ALERTS
from grafana.generate import BOARDS
from tests.support.prometheus import Prometheus, prometheus
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig

Watch = Callable[[float], AbstractContextManager[Prometheus]]


@pytest.fixture(scope="package")
def rig() -> Iterator[Rig]:
    """Warehouse, analytics, lag, and a shop where some events are bad and some are late."""
    require_kafka()
    with new_rig(partitions=2, commit_interval_ms=100, flush_interval_ms=100, lag_interval_s=1.0) as rig:
        rig.start("generate", "--rate", "200", "--invalid", "0.05", "--late", "0.05", ready=False)
        rig.start_together(("warehouse",), ("process", "analytics"), ("process", "lag"))
        yield rig


@pytest.fixture(scope="package")
def watch(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """`watch(0.05)`: a Prometheus on the pipeline; its rules' durations are a twentieth, evaluated every second."""

    def start(factor: float) -> AbstractContextManager[Prometheus]:
        folder = tmp_path_factory.mktemp("prometheus")
        return prometheus(folder, rig.settings.data_dir, rules(folder, factor))

    return start


def rules(folder: Path, factor: float) -> list[Path]:
    """The rule files, generated from the same alerts and boards as the real ones."""
    shown = {board.uid: board for board in (*BOARDS, runbooks.board())}
    alerts = [alert.scaled(factor) for alert in ALERTS]
    files = [folder / "recording.yml", folder / "alerts.yml"]
    files[0].write_text(prometheus_rules.recording_rules(1), encoding="utf-8")
    files[1].write_text(prometheus_rules.alerting_rules(alerts, shown, runbooks.addresses(), 1), encoding="utf-8")
    return files
