"""One real Apache Kafka per test session, and factories of settings and topics on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from xdist.scheduler import LoadFileScheduling

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.settings import Settings
from tests.support.requirements import require_kafka
from tests.support.waiting import wait_until


class ByPipeline(LoadFileScheduling):  # type: ignore[misc]
    """Runs each file in one process, and all browser tests in one: they share pipelines that take long to start."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/browser" if nodeid.startswith("tests/browser/") else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByPipeline:
    """The scheduler of `make test`."""
    return ByPipeline(config, log)


class SettingsFactory(Protocol):
    """`settings_factory(commit_interval_ms=50)`: settings for the broker and the test's own data directory."""

    def __call__(self, **values: Any) -> Settings: ...


class TopicFactory(Protocol):
    """`topic_factory(partitions=6)` creates a topic with a unique name and returns the name."""

    def __call__(self, partitions: int = 1, name: str | None = None, **config: str) -> str: ...


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """The session's broker, ready; it ends with the session, even when that is killed by kill -9."""
    require_kafka()
    with LocalKafka(tmp_path_factory.mktemp("broker"), free_port(), heap="512m") as kafka:
        yield kafka


@pytest.fixture
def settings_factory(broker: LocalKafka, tmp_path: Path) -> SettingsFactory:
    """Creates settings; those of one test share its data directory unless `data_dir` is given."""

    def make(**values: Any) -> Settings:
        return Settings(**{"bootstrap_servers": broker.bootstrap, "data_dir": tmp_path / "data", **values})

    return make


@pytest.fixture(scope="session")
def admin_client(broker: LocalKafka) -> AdminClient:
    """An admin client of the session's broker."""
    return AdminClient({"bootstrap.servers": broker.bootstrap})


@pytest.fixture
def topic_factory(admin_client: AdminClient) -> TopicFactory:
    """Creates topics and waits until each is visible with its configuration; they stay until the session ends."""

    def shows(name: str, config: dict[str, str]) -> bool:
        (future,) = admin_client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
        try:
            shown = future.result(timeout=10)
        except KafkaException:  # the controller has created it, the broker does not know it yet
            return False
        return all(shown[key].value == value for key, value in config.items())

    def make(partitions: int = 1, name: str | None = None, **config: str) -> str:
        name = name or f"test-{uuid.uuid4()}"
        dotted = {key.replace("_", "."): value for key, value in config.items()}
        (future,) = admin_client.create_topics([NewTopic(name, partitions, 1, config=dotted)]).values()
        future.result(timeout=10)
        wait_until(lambda: shows(name, dotted), f"topic {name} is visible", 30.0)
        return name

    return make
