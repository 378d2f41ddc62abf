"""Client configuration from settings, and what a command reports when broker or topics are missing. No broker."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamgauge.runtime import kafka, settings
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka import BrokerWatch
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings


def test_only_what_is_set_goes_to_librdkafka_under_its_names() -> None:
    assert kafka.client_config(Settings()) == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "PLAINTEXT",
    }
    given = settings.load(
        {
            "STREAMGAUGE_BOOTSTRAP_SERVERS": "a:1,b:2",
            "STREAMGAUGE_SECURITY_PROTOCOL": "SASL_SSL",
            "STREAMGAUGE_SASL_MECHANISM": "SCRAM-SHA-512",
            "STREAMGAUGE_SASL_USERNAME": "shop",
            "STREAMGAUGE_SASL_PASSWORD": "s3cret",
            "STREAMGAUGE_SSL_CA_LOCATION": "/etc/ca.pem",
            "STREAMGAUGE_SSL_CERTIFICATE_LOCATION": "/etc/client.pem",
            "STREAMGAUGE_SSL_KEY_LOCATION": "/etc/client.key",
            "STREAMGAUGE_SSL_KEY_PASSWORD": "k3y",
        }
    )
    assert kafka.client_config(given) == {
        "bootstrap.servers": "a:1,b:2",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "shop",
        "sasl.password": "s3cret",
        "ssl.ca.location": "/etc/ca.pem",
        "ssl.certificate.location": "/etc/client.pem",
        "ssl.key.location": "/etc/client.key",
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
    """A cluster with these topics; None does not answer."""

    def __init__(self, topics: set[str] | None) -> None:
        self._topics = topics

    def list_topics(self, timeout: float) -> SimpleNamespace:
        if self._topics is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics=dict.fromkeys(self._topics), timeout=timeout)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str] | None]:
    """`topics` of the cluster that every admin client here finds."""
    state: dict[str, set[str] | None] = {"topics": {"orders"}}
    monkeypatch.setattr(kafka, "admin", lambda _settings: Admin(state["topics"]))
    return state


def test_a_missing_topic_is_named_with_the_command_that_creates_it(cluster: dict[str, set[str] | None]) -> None:
    kafka.require_topics(Settings(), ["orders"])
    with pytest.raises(UsageError, match=r"topic `payments` does not exist on 127\.0\.0\.1:9092.*streamgauge topics"):
        kafka.require_topics(Settings(), ["orders", "payments"])
    cluster["topics"] = {"orders", "payments"}
    kafka.require_topics(Settings(), ["orders", "payments"])


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ({}, "start one with `streamgauge up`"),
        ({"bootstrap_servers": "a:1"}, "check STREAMGAUGE_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_missing_broker_is_reported_with_what_to_do(
    cluster: dict[str, set[str] | None], given: dict[str, Any], advice: str
) -> None:
    config = Settings(**given)
    kafka.require_broker(config)
    assert kafka.broker_answers(config)
    cluster["topics"] = None
    assert not kafka.broker_answers(config)
    with pytest.raises(UsageError) as raised:
        kafka.require_broker(config)
    assert str(raised.value).startswith(f"no Kafka broker answers on {config.bootstrap} (_TRANSPORT)")
    assert advice in str(raised.value)


def test_a_quiet_process_follows_its_broker_and_asks_rarely(
    cluster: dict[str, set[str] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    process = Process("t", Settings(), threading.Event())
    watch = BrokerWatch(process, every_s=5.0)

    cluster["topics"] = None
    now[0] = 4.9
    watch.active()
    assert process.health["status"] == "ready"
    now[0] = 9.8
    watch.idle()
    assert process.health["status"] == "ready", "asked before its time"
    now[0] = 9.9
    watch.idle()
    assert process.health["why"] == "no Kafka broker answers on 127.0.0.1:9092"

    cluster["topics"] = set()
    now[0] = 14.8
    watch.idle()
    assert process.health["status"] == "unready", "asked before its time"
    now[0] = 14.9
    watch.idle()
    assert process.health["status"] == "ready"
