"""Topics deleted and made anew, as a test cluster's or a migration's script does."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.waiting import wait_until


def make_anew(bootstrap: str, topic: str, partitions: int = 2, *, pause_s: float = 0.0) -> None:
    """Delete a topic and create it again, at the very moment when the name is free, or after a pause."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    before = topic_id(bootstrap, topic)
    admin.delete_topics([topic])[topic].result(30)
    time.sleep(pause_s)

    def made() -> bool:
        try:
            admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
        except KafkaException:
            return False
        return True

    wait_until(made, f"{topic} made anew")
    wait_until(lambda: topic_id(bootstrap, topic) not in (None, before), f"another id of {topic}")


def topic_id(bootstrap: str, topic: str) -> str | None:
    """The id of a topic, as Kafka's tools print it; None where it is not there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    try:
        return (
            str(admin.describe_topics(TopicCollection([topic]))[topic].result(30).topic_id)
            .replace("+", "-")
            .replace("/", "_")
        )
    except KafkaException:
        return None
