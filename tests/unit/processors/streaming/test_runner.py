"""What a service says that cannot go on."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from processors import registry
from processors.streaming import runner
from streamgauge.runtime.settings import Settings


class Outputs:
    """Outputs of which the last one, of those asked for, may not be written to."""

    def denied(self, topics: list[str]) -> str:
        """As the real ones say it."""
        return f"no right on {topics[-1]}"


def test_a_refused_transaction_names_the_topic_that_may_not_be_written() -> None:
    outputs: Any = Outputs()
    last = registry.BY_NAME["fulfilment"].outputs[-1]
    refused = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert runner._refused(refused, Settings(), outputs, "fulfilment") == f"no right on {last}"
    away = KafkaException(KafkaError(KafkaError._TRANSPORT))
    assert runner._refused(away, Settings(), outputs, "fulfilment") is None
