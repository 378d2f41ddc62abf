"""Kafka clients from settings: addresses, credentials and shared options in one place; checks of broker and topics."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from streamgauge.runtime.errors import FatalError, UsageError
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

if TYPE_CHECKING:
    from quixstreams import Application

# Topic and number.
Partition = tuple[str, int]
Headers = list[tuple[str, bytes | None]]
_CONNECTION = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
    "ssl_ca_location",
    "ssl_certificate_location",
    "ssl_key_location",
    "ssl_key_password",
)


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def client_config(settings: Settings) -> dict[str, Any]:
    """librdkafka's connection options (addresses, protocol, credentials), under its own names."""
    config: dict[str, Any] = {"bootstrap.servers": settings.bootstrap}
    for name in _CONNECTION:
        value = getattr(settings, name)
        if value is not None:
            config[name.replace("_", ".")] = _plain(value)
    return config


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
    """An admin client; librdkafka logs nothing by itself while the broker is away."""
    return AdminClient({**client_config(settings), "log_level": 0})


def broker_answers(settings: Settings, timeout_s: float = 2.0) -> bool:
    """True when a broker answers within `timeout_s`."""
    try:
        admin(settings).list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def headers_of(message: Message) -> Headers:
    """A message's headers, whatever the bytes of their names: those that are not UTF-8 come escaped (`\\xff`).

    Never raises. confluent_kafka fails at such a name, and returns a list with null pointers for names from then on.
    The error has the first of them; further ones of the same message are `?`. The list is mended in place, so that
    whoever asks the message later gets the same.
    """
    try:
        return message.headers() or []
    except (SystemError, UnicodeDecodeError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, UnicodeDecodeError):
            cause = cause.__cause__
        names = [cause.object.decode("utf-8", "backslashreplace")] if cause is not None else []
    headers = message.headers() or []
    for number, header in enumerate(headers):
        # Only the representation of a null pointer may be touched.
        if repr(header).startswith("(<NULL>"):
            headers[number] = (names.pop() if names else "?", header[1])
    return headers


def is_fenced(error: BaseException) -> bool:
    """Whether a Kafka call failed because another producer uses the same transactional id."""
    kafka_error = error.args[0] if error.args else error
    return "FENCED" in str(getattr(kafka_error, "name", lambda: "")())


def fenced(error: BaseException) -> FatalError:
    """The error that ends a replica whose transactional id another process uses."""
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
        if broker_answers(self._process.settings):
            self._process.ready()
        else:
            self._process.unready(f"no Kafka broker answers on {self._process.settings.bootstrap}")


def require_broker(settings: Settings, timeout_s: float = 5.0) -> None:
    """Raise `UsageError` with what to do if no broker answers within `timeout_s`."""
    try:
        admin(settings).list_topics(timeout=timeout_s)
    except KafkaException as error:
        hint = (
            "check STREAMGAUGE_BOOTSTRAP_SERVERS and the credentials"
            if settings.bootstrap_servers
            else "start one with `streamgauge up` or `streamgauge broker`, or set STREAMGAUGE_BOOTSTRAP_SERVERS"
        )
        raise UsageError(f"no Kafka broker answers on {settings.bootstrap} ({error.args[0].name()}); {hint}") from None


def require_topics(settings: Settings, topics: Iterable[str], timeout_s: float = 10.0) -> None:
    """Raise `UsageError` with what to do if one of `topics` does not exist."""
    there = admin(settings).list_topics(timeout=timeout_s).topics
    missing = [topic for topic in topics if topic not in there]
    if missing:
        raise UsageError(
            f"topic `{missing[0]}` does not exist on {settings.bootstrap}; create it with `streamgauge topics`"
        )
