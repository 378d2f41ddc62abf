"""Runner of a StreamingDataFrame service: one replica with health, periodic work, and a restart after a lost broker."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException

from processors import registry
from processors.streaming.quix_app import (
    InvalidStoreChangelogOffset,
    QuixException,
    StateRecoveryOffsetOutOfRange,
    TopicPartitionsMismatch,
)
from processors.streaming.service import Service
from streamgauge.catalog import loader
from streamgauge.dead_letters.outputs import Outputs
from streamgauge.runtime import kafka, metrics, process
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.explain import explained, unreachable
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.data_dir import replica_slot
from streamgauge.runtime.errors import FatalError, TransientError, UsageError
from streamgauge.runtime.kafka.topic_identity import TopicRecreated
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

WATCH_EVERY_S = 0.1
CHECK_BROKER_EVERY_S = 5.0
RETRY_AFTER_S = 1.0
CHECK_TOPICS_EVERY_S = 5.0


def _serve(service: Service) -> None:
    """Run until the process is stopped. Raises what Quix raises, and `kafka.fenced` for a producer that was fenced."""
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(service, done), name="watch", daemon=True)
    watch.start()
    service.app.check_topics(kafka.admin(service.settings))
    service.app.time_commits()
    try:
        service.app.run()
    except KafkaException as error:
        if kafka.is_fenced(error):
            raise kafka.fenced(error, service.settings, time.monotonic() - service.app.committed_at) from error
        raise
    finally:
        done.set()
        watch.join(10)


def _watch(service: Service, done: threading.Event) -> None:
    """Report health, pass on the stop and run periodic work: everything that must not wait for an event."""
    due = [time.monotonic() + seconds for seconds, _work in service.periodic]
    check_due = time.monotonic() + CHECK_BROKER_EVERY_S
    broker_away: str | None = None
    while not done.wait(WATCH_EVERY_S):
        if service.process.stop.is_set():
            service.app.stop()  # Repeatedly: a call before `run` has begun has no effect.
            continue
        now = time.monotonic()
        if now >= check_due:
            broker_away = unreachable(service.settings) or _made_anew(service)
            check_due = time.monotonic() + CHECK_BROKER_EVERY_S
        not_ready_reason = broker_away or service.app.not_ready_reason
        if not_ready_reason is None:
            service.process.ready()
        else:
            service.process.unready(not_ready_reason)
        metrics.gauge("streamgauge_service_partitions").set(len(service.app.assigned))
        for number, (seconds, work) in enumerate(service.periodic):
            if now >= due[number]:
                due[number] = now + seconds
                work()


def _made_anew(service: Service) -> str | None:
    """End the application if one of its topics was made anew, as one that brings no event would not be noticed."""
    identity = service.app.identity
    try:
        identity.confirm(identity.begin(()), {}, {})
    except TopicRecreated as error:
        service.app.stop()
        return str(error)
    except TransientError as error:
        return str(error)
    return None


@contextmanager
def _fatal() -> Iterator[None]:
    """Turn failures that end the process into `FatalError`; others are retried."""
    try:
        yield
    except StateRecoveryOffsetOutOfRange as error:
        raise FatalError(
            f"{error}; if the changelog topic was deleted or made anew, delete this replica's folder in "
            "<data directory>/state, and the state is restored from the changelog"
        ) from error


def _refused(error: Exception, settings: Settings, outputs: Outputs, name: str) -> str | None:
    """The refusal of a topic: of its configuration, which Quix Streams reports in its own words, or in a transaction,
    whose error does not say which of the service's outputs it is about.
    """
    if rights.is_refusal_of_topic(error.args[0] if error.args else None):
        return outputs.denied(registry.BY_NAME[name].outputs)
    match = re.search(r'Failed to access configs for topics "([^"]+)"', str(error))
    return None if match is None else rights.refused(settings, Right("DescribeConfigs", "topic", match[1]))


def _topics(name: str, settings: Settings) -> list[str]:
    """The topics that the service reads and writes; others may be missing."""
    own = registry.BY_NAME[name]
    return sorted({*own.inputs, *own.outputs, *loader.streams_of(settings.catalog).internal})


def _are_there(topics: list[str], running: Process) -> bool:
    """Whether all topics are there; where not, the process reports why it waits."""
    try:
        kafka.require_topics(running.settings, topics)
    except (UsageError, TransientError) as error:
        running.unready(f"waiting for a topic: {error}")
        return False
    return True


def run(name: str, build: Callable[[Service], None], interval_ms: Callable[[Settings], int] | None = None) -> int:
    """Run one replica of the service `name`; returns the exit code.

    `interval_ms` reads the service's own commit interval from the settings, where it has one.
    """

    def work(running: Process) -> None:
        metrics.register("streaming")
        kafka.require_broker(running.settings)
        own = replica_slot.take(name, running.settings.data_dir)
        needed = (Right("Read", "group", name), Right("Write", "transactional-id", own.id), Right("Write", "topic"))
        needed_topics = _topics(name, running.settings)
        # What dead-letter topics refused is known to the next application, too.
        outputs = Outputs(running.settings)
        while not running.stop.is_set():
            # Before each application: it would create what was deleted meanwhile, with one partition.
            if not _are_there(needed_topics, running):
                running.stop.wait(CHECK_TOPICS_EVERY_S)
                continue
            try:
                with _fatal():
                    interval = interval_ms(running.settings) if interval_ms else None
                    service = Service(running, name, own, outputs, interval)
                    build(service)
                    _serve(service)
            except TopicPartitionsMismatch as error:
                # Nobody else should stop for it, so it waits until somebody has made them alike.
                running.unready(f"{error}; give them the same number (`streamgauge topics` shows them)")
                running.stop.wait(CHECK_TOPICS_EVERY_S)
            except InvalidStoreChangelogOffset:
                running.unready(
                    f"the changelog is shorter than the state in {service.state_dir}: it was deleted and made anew. "
                    "Delete this folder to go on with what the changelog has (docs/operations.md)"
                )
                running.stop.wait(CHECK_TOPICS_EVERY_S)
            except (KafkaException, QuixException, TransientError) as error:
                # The broker is away or refused a transaction, or a topic was made anew: resume from what is committed.
                why = _refused(error, running.settings, outputs, name)
                running.unready(why or str(explained(error, running.settings, *needed)))
                running.stop.wait(RETRY_AFTER_S)
                while not running.stop.is_set() and not kafka.broker_answers(running.settings):
                    running.stop.wait(RETRY_AFTER_S)

    return process.run(name, work)
