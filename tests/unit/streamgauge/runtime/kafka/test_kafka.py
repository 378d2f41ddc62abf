"""Client configuration from settings, and what a command reports when broker or topics are missing. No broker."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamgauge.runtime import kafka, settings
from streamgauge.runtime.connection import check
from streamgauge.runtime.connection.causes import Cause
from streamgauge.runtime.errors import FatalError, TransientError, UsageError
from streamgauge.runtime.kafka import BrokerWatch
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings


def test_only_what_is_set_goes_to_librdkafka_under_its_names(tmp_path: Path) -> None:
    assert kafka.client_config(Settings()) == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "PLAINTEXT",
    }
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "client.pem", "client.key"))
    for path in (ca, certificate, key):
        path.touch()
    given = settings.load(
        {
            "STREAMGAUGE_BOOTSTRAP_SERVERS": "a:1,b:2",
            "STREAMGAUGE_SECURITY_PROTOCOL": "SASL_SSL",
            "STREAMGAUGE_SASL_MECHANISM": "SCRAM-SHA-512",
            "STREAMGAUGE_SASL_USERNAME": "shop",
            "STREAMGAUGE_SASL_PASSWORD": "s3cret",
            "STREAMGAUGE_SSL_CA_LOCATION": str(ca),
            "STREAMGAUGE_SSL_CERTIFICATE_LOCATION": str(certificate),
            "STREAMGAUGE_SSL_KEY_LOCATION": str(key),
            "STREAMGAUGE_SSL_KEY_PASSWORD": "k3y",
        }
    )
    assert kafka.client_config(given) == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "shop",
        "sasl.password": "s3cret",
        "ssl.ca.location": str(ca),
        "ssl.certificate.location": str(certificate),
        "ssl.key.location": str(key),
        "ssl.key.password": "k3y",
    }


@pytest.mark.parametrize("reset", ["earliest", "error"])
def test_an_application_creates_no_topics_and_never_jumps_to_the_newest_offset(reset: Any) -> None:
    config = kafka.application(
        Settings(bootstrap_servers="a:1"), "analytics", offset_reset=reset, consumer={"client.id": "c"}
    ).config
    assert config.broker_address.bootstrap_servers == "a:1"
    assert config.consumer_group == "analytics"
    assert config.auto_offset_reset == reset
    assert config.auto_create_topics is False
    assert config.consumer_extra_config["client.id"] == "c"


class Admin:
    """A cluster with these topics; one may not see `secret`."""

    def __init__(self, topics: set[str]) -> None:
        self._topics = topics

    def list_topics(self, topic: str | None = None, *, timeout: float) -> SimpleNamespace:
        if topic is None:
            return SimpleNamespace(topics=dict.fromkeys(self._topics), timeout=timeout)
        refused = KafkaError.TOPIC_AUTHORIZATION_FAILED if topic == "secret" else KafkaError.UNKNOWN_TOPIC_OR_PART
        return SimpleNamespace(topics={topic: SimpleNamespace(error=KafkaError(refused))})


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Topics of the cluster that every admin client here finds."""
    there = {"orders"}
    monkeypatch.setattr(kafka, "admin", lambda _settings: Admin(there))
    return there


def test_a_missing_topic_is_named_with_the_command_that_creates_it(topics: set[str]) -> None:
    kafka.require_topics(Settings(), ["orders"])
    with pytest.raises(UsageError, match=r"topic `payments` does not exist on 127\.0\.0\.1:9092.*streamgauge topics"):
        kafka.require_topics(Settings(), ["orders", "payments"])
    topics.add("payments")
    kafka.require_topics(Settings(), ["orders", "payments"])


@pytest.mark.usefixtures("topics")
def test_a_topic_that_one_may_not_see_is_not_called_missing() -> None:
    with pytest.raises(UsageError, match="refuses User:ANONYMOUS Describe on the topic `secret`; grant it"):
        kafka.require_topics(Settings(), ["orders", "secret"])


@pytest.fixture
def cause(monkeypatch: pytest.MonkeyPatch) -> list[Cause | None]:
    """Why no cluster answers here; None where one does."""
    state: list[Cause | None] = [None]
    monkeypatch.setattr(check, "failure", lambda _config, _timeout_s: state[0])
    return state


@pytest.mark.parametrize(
    ("given", "found", "said"),
    [
        ({}, Cause("refused", False), "no Kafka broker answers on 127.0.0.1:9092: refused; start one with"),
        (
            {"bootstrap_servers": "a:1"},
            Cause("refused", False),
            "no Kafka broker answers on a:1: refused; check STREAMGAUGE_BOOTSTRAP_SERVERS",
        ),
        ({}, Cause("wrong password", True), "cannot connect to Kafka: wrong password"),
    ],
)
def test_a_missing_broker_is_reported_with_what_to_do(
    cause: list[Cause | None], given: dict[str, Any], found: Cause, said: str
) -> None:
    config = Settings(**given)
    kafka.require_broker(config)
    assert kafka.broker_answers(config)
    cause[0] = found
    assert not kafka.broker_answers(config)
    with pytest.raises(UsageError) as raised:
        kafka.require_broker(config)
    assert str(raised.value).startswith(said)


def test_a_quiet_process_follows_its_broker_and_asks_rarely(
    cause: list[Cause | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    process = Process("t", Settings(), threading.Event())
    watch = BrokerWatch(process, every_s=5.0)

    cause[0] = Cause("refused", False)
    now[0] = 4.9
    watch.active()
    assert process.health["status"] == "ready"
    now[0] = 9.8
    watch.idle()
    assert process.health["status"] == "ready", "asked before its time"
    now[0] = 9.9
    watch.idle()
    assert str(process.health["why"]).startswith("no Kafka broker answers on 127.0.0.1:9092: refused")

    cause[0] = None
    now[0] = 14.8
    watch.idle()
    assert process.health["status"] == "unready", "asked before its time"
    now[0] = 14.9
    watch.idle()
    assert process.health["status"] == "ready"


@pytest.mark.parametrize(("open_s", "kind"), [(0.0, FatalError), (9.9, FatalError), (10.0, TransientError)])
def test_fenced_by_kafka_itself_is_transient(open_s: float, kind: type[Exception]) -> None:
    """A transaction that was open for longer than its time-out is ended by Kafka, not by another process."""
    error = KafkaException(KafkaError(KafkaError._FENCED))
    assert type(kafka.fenced(error, Settings(transaction_timeout_ms=10_000), open_s)) is kind
