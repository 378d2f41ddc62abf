"""An error of a Kafka call as ours: the cause, what it concerns and what to do, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from streamgauge.runtime.connection import check, rights
from streamgauge.runtime.connection.config import client_config
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import StreamgaugeError, TransientError, UsageError
from streamgauge.runtime.settings import Settings

# What a call says when it could not reach a broker, whatever the cause.
_UNREACHED = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - librdkafka's own codes have no other names
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._INVALID_ARG,  # noqa: SLF001
    }
)
_CAUSE_S = 3.0


def unreachable(settings: Settings, timeout_s: float = 2.0) -> str | None:
    """None where a broker answers within about `timeout_s`, else why none does, and what to do, in one line."""
    try:
        cause = check.failure(client_config(settings), timeout_s)
    except UsageError as error:
        return str(error)
    if cause is None:
        return None
    if cause.final:
        return f"cannot connect to Kafka: {cause.text}"
    hint = (
        "check STREAMGAUGE_BOOTSTRAP_SERVERS"
        if settings.bootstrap_servers
        else "start one with `streamgauge up` or `streamgauge broker`, or set STREAMGAUGE_BOOTSTRAP_SERVERS"
    )
    return f"no Kafka broker answers on {settings.bootstrap}: {cause.text}; {hint}"


def explained(error: BaseException, settings: Settings, *asked: Right) -> StreamgaugeError:
    """Our error for one of Kafka's: `UsageError` for a refused right and for a cluster that lets nobody in.

    `asked` are the rights that the call needs; `KafkaException(error, topic)` names the topic that was refused. Where
    no broker was reached it connects once more to find out why, which blocks for up to 4 s.
    """
    inner = error.args[0] if error.args else error
    if not isinstance(inner, KafkaError):
        return TransientError(f"Kafka on {settings.bootstrap}: {inner}")
    if rights.is_refusal(inner):
        return UsageError(rights.refusal(inner, settings, *asked, topic=str(error.args[1]) if error.args[1:] else ""))
    if inner.code() in _UNREACHED and (why := unreachable(settings, _CAUSE_S)):
        return UsageError(why)
    return TransientError(f"Kafka on {settings.bootstrap}: {inner.str()}")


@contextmanager
def explaining(settings: Settings, *asked: Right) -> Iterator[None]:
    """Raise `explained` for what Kafka's calls in the block raise."""
    try:
        yield
    except KafkaException as error:
        raise explained(error, settings, *asked) from None
