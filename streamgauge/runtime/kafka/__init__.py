"""Kafka clients from settings: addresses, credentials and shared options in one place; checks of broker and topics."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.config import QUIET as QUIET
from streamgauge.runtime.connection.config import client_config as client_config  # for all who make clients
from streamgauge.runtime.connection.explain import explaining, unreachable
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import FatalError, TransientError, UsageError
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

if TYPE_CHECKING:
    from quixstreams import Application

# Topic and number.
Partition = tuple[str, int]


def producer_config(settings: Settings) -> dict[str, Any]:
    """The connection of a producer, and Java's partitioner: services that join by key find a key in one partition only
    if all producers agree, and librdkafka's own default does not agree with Java's clients and Quix Streams.
    """
    return {**client_config(settings), "partitioner": "murmur2_random"}


def application(
    settings: Settings,
    group: str,
    *,
    offset_reset: Literal["earliest", "error"] = "earliest",
    consumer: dict[str, Any] | None = None,
    producer: dict[str, Any] | None = None,
) -> Application:
    """A Quix Streams application for the batch path (`get_consumer`, `get_producer`); nothing connects yet.

    Without a committed offset it starts at the earliest one, or fails with "error". It creates no topics: `streamgauge
    topics` does.
    """
    with warnings.catch_warnings(record=True):
        # One of its dependencies warns about another at import, past every filter. Imported here, because it takes two
        # thirds of a command's start, and most commands need only an address.
        warnings.simplefilter("ignore")
        from quixstreams import Application
        from quixstreams.kafka import ConnectionConfig

    return Application(
        broker_address=ConnectionConfig.from_librdkafka_dict(client_config(settings), ignore_extras=True),
        consumer_group=group,
        auto_offset_reset=offset_reset,
        auto_create_topics=False,
        consumer_extra_config=consumer,
        producer_extra_config=producer,
        loglevel=None,
    )


def admin(settings: Settings) -> AdminClient:
    """An admin client; librdkafka logs nothing by itself while the broker is away.

    One that names no topics waits for a controller that died until it next asks for the brokers: by default 5 min.
    """
    return AdminClient({**client_config(settings), **QUIET, "topic.metadata.refresh.interval.ms": 10_000})


def broker_answers(settings: Settings, timeout_s: float = 2.0) -> bool:
    """True when a broker answers within `timeout_s`."""
    return unreachable(settings, timeout_s) is None


def nothing_committed(error: KafkaError) -> bool:
    """Whether a consumer that must not choose an offset by itself reports that its group has committed none: no loss.

    librdkafka has one code for that and for an offset that is out of range; only its words differ.
    """
    return (
        error.code() == KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001 - it has no other name
        and "no previously committed offset" in error.str()
    )


def is_fenced(error: BaseException) -> bool:
    """Whether a Kafka call failed because another producer uses the same transactional id."""
    kafka_error = error.args[0] if error.args else error
    return "FENCED" in str(getattr(kafka_error, "name", lambda: "")())


def fenced(error: BaseException, settings: Settings, open_s: float = 0.0) -> FatalError | TransientError:
    """The error for a producer that was fenced while its transaction had been open for `open_s` seconds.

    Kafka itself does that to a transaction that is open for longer than its time-out, as after the process or its
    machine stood still: what was open is void, and a new producer goes on. Otherwise another process uses the id.
    """
    if open_s * 1_000 >= settings.transaction_timeout_ms:
        return TransientError(f"Kafka ended the transaction: it was open for {open_s:.0f} s, longer than its time-out")
    return FatalError(
        f"another process uses this replica's transactional id ({error.args[0] if error.args else error}); "
        "give each replica its own host name or data directory"
    )


class BrokerWatch:
    """Keeps `/health` true while nothing arrives: an idle consumer does not notice that its broker is gone."""

    def __init__(self, running: Process, every_s: float = 5.0) -> None:
        self._process = running
        self._every_s = every_s
        self._due = time.monotonic() + every_s

    def active(self) -> None:
        """Report a commit: the broker answers."""
        self._due = time.monotonic() + self._every_s
        self._process.ready()

    def idle(self) -> None:
        """Report that nothing arrived: check the broker every `every_s`, and set the health. May block for 2 s then."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._every_s
        if why := unreachable(self._process.settings):
            self._process.unready(why)
        else:
            self._process.ready()


def require_broker(settings: Settings, timeout_s: float = 5.0) -> None:
    """Raise `UsageError` with what is wrong and what to do if no broker answers within about `timeout_s`."""
    if why := unreachable(settings, timeout_s):
        raise UsageError(why)


def hidden(client: AdminClient, settings: Settings, topic: str, timeout_s: float = 10.0) -> str | None:
    """The refusal of a topic that is not listed because this client may not see it; None where it does not exist."""
    error = client.list_topics(topic, timeout=timeout_s).topics[topic].error
    if rights.is_refusal(error):
        return rights.refusal(error, settings, Right("Describe", "topic", topic))
    return None


def require_topics(settings: Settings, topics: Iterable[str], timeout_s: float = 10.0) -> None:
    """Raise `UsageError` with what to do if one of `topics` does not exist, or this client may not see it."""
    with explaining(settings):
        client = admin(settings)
        there = client.list_topics(timeout=timeout_s).topics
        for topic in topics:
            if topic in there:
                continue
            if why := hidden(client, settings, topic, timeout_s):
                raise UsageError(why)
            raise UsageError(
                f"topic `{topic}` does not exist on {settings.bootstrap}; create it with `streamgauge topics`"
            )
