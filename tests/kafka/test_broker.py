"""The local Apache Kafka: the behaviour that everything else relies on, and the command that runs it."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.errors import FatalError, UsageError
from tests.conftest import TopicFactory
from tests.support import commands
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka


def produce(bootstrap: str, topic: str, *payloads: bytes) -> list[KafkaError | None]:
    """Produce and wait; returns the error of each, or None."""
    outcomes: list[KafkaError | None] = []
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "message.timeout.ms": 10_000,
            "topic.metadata.propagation.max.ms": 500,  # how long an unknown topic may still appear
            "log_level": 0,
        }
    )
    for payload in payloads:
        producer.produce(topic, payload, on_delivery=lambda error, _: outcomes.append(error))
    assert producer.flush(20) == 0
    return outcomes


def values(bootstrap: str, topic: str, isolation: str = "read_committed") -> list[bytes | None]:
    """All values of a topic."""
    return [message.value() for message in read_topic(bootstrap, topic, isolation)]


@contextmanager
def command(data_dir: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """`streamgauge broker` as a user runs it."""
    process = subprocess.Popen(
        [commands.PROGRAM, "broker", "--port", str(port)],
        env=commands.environment({"STREAMGAUGE_DATA_DIR": str(data_dir)}),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def java_of(process: subprocess.Popen[str], data_dir: Path) -> psutil.Process:
    """Wait until the command's Kafka answers; returns Kafka's process."""

    def ready() -> bool:
        assert process.poll() is None, process.communicate()[1]
        marker = broker_marker.read(data_dir)
        return marker is not None and "Kafka Server started" in log(data_dir)

    wait_until(ready, "the broker is ready", 60)
    marker = broker_marker.read(data_dir)
    assert marker is not None
    return psutil.Process(marker.pid)


def log(data_dir: Path) -> str:
    path = data_dir / "logs" / "kafka.log"
    return path.read_text() if path.exists() else ""


def test_an_event_is_produced_and_read(broker: LocalKafka, topic_factory: TopicFactory) -> None:
    topic = topic_factory()
    assert produce(broker.bootstrap, topic, b"value") == [None]
    assert values(broker.bootstrap, topic) == [b"value"]


def test_a_missing_topic_is_not_created(broker: LocalKafka, admin_client: AdminClient) -> None:
    topic = f"test-{uuid.uuid4()}"
    (error,) = produce(broker.bootstrap, topic, b"value")
    assert error is not None
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert topic not in admin_client.list_topics(timeout=10).topics


def test_read_committed_delivers_commits_only(broker: LocalKafka, topic_factory: TopicFactory) -> None:
    topic = topic_factory()
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic, "log_level": 0})
    producer.init_transactions(30)
    for payload, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, payload)
        producer.flush(10)
        end(30)
    assert values(broker.bootstrap, topic) == [b"committed"]
    assert values(broker.bootstrap, topic, "read_uncommitted") == [b"aborted", b"committed"]


def test_data_survives_a_restart_and_a_kill(broker: LocalKafka, tmp_path: Path) -> None:
    # `broker` is requested only so that this test is skipped where no broker can run.
    kafka = LocalKafka(tmp_path, free_port(), heap="256m")
    with kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
        (future,) = admin.create_topics([NewTopic("kept", 1, 1)]).values()
        future.result(10)
        cluster = admin.list_topics(timeout=10).cluster_id
        produce(kafka.bootstrap, "kept", b"before the stop")
        kafka.stop()
        assert kafka.exit_code == 143  # Java's exit code after a clean stop by SIGTERM

        kafka.start()
        kafka.wait_ready()
        produce(kafka.bootstrap, "kept", b"before the kill")
        kafka.kill()

        kafka.start()
        kafka.wait_ready()
        assert values(kafka.bootstrap, "kept") == [b"before the stop", b"before the kill"]
        assert admin.list_topics(timeout=10).cluster_id == cluster


def test_a_port_in_use_is_a_usage_error(broker: LocalKafka, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"port {broker.port} is in use"):
        LocalKafka(tmp_path, broker.port).start()
    with command(tmp_path, broker.port) as process:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert f"port {broker.port} is in use" in errors
        assert "Traceback" not in errors
    assert broker_marker.read(tmp_path) is None


def test_a_data_directory_has_one_broker(broker: LocalKafka) -> None:
    with pytest.raises(UsageError, match="a broker runs on .* already"):
        LocalKafka(broker.data_dir, free_port()).start()
    assert broker_marker.read(broker.data_dir) == broker.marker


def test_a_failed_start_reports_the_reason(broker: LocalKafka, tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "meta.properties").write_text("version=1\ncluster.id=abc\nnode.id=7\n")
    with pytest.raises(FatalError, match="Stored node id 7"), LocalKafka(tmp_path, free_port(), heap="256m"):
        pass


def test_the_command_stops_cleanly_on_sigterm(broker: LocalKafka, tmp_path: Path) -> None:
    with command(tmp_path, free_port()) as process:
        java = java_of(process, tmp_path)
        process.terminate()
        assert process.wait(40) == 0
        assert not java.is_running()
        assert broker_marker.read(tmp_path) is None
        assert (tmp_path / "kafka" / ".kafka_cleanshutdown").exists()


def test_the_command_fails_when_kafka_dies(broker: LocalKafka, tmp_path: Path) -> None:
    with command(tmp_path, free_port()) as process:
        java_of(process, tmp_path).kill()
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "ended with code -9" in errors


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can kill children when their parent dies")
def test_kafka_dies_with_a_killed_command(broker: LocalKafka, tmp_path: Path) -> None:
    with command(tmp_path, free_port()) as process:
        java = java_of(process, tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        wait_until(lambda: not java.is_running() or java.status() == psutil.STATUS_ZOMBIE, "Kafka is gone", 10)
    assert broker_marker.read(tmp_path) is None
