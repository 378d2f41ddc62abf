"""Quix application of one replica: assigned partitions, positions, and the duration of commits.

The only module that reaches into Quix beyond its documented API; each such place gives the reason. Quix's names are
imported from here.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, TopicPartition
from confluent_kafka.admin import AdminClient

from streamgauge.runtime import metrics
from streamgauge.runtime.kafka import Partition, topic_ids
from streamgauge.runtime.kafka.headers import headers_of
from streamgauge.runtime.kafka.topic_identity import TopicIdentity

with warnings.catch_warnings(record=True):
    # One of its dependencies warns about another at import; neither is ours to fix.
    warnings.simplefilter("ignore")
    from quixstreams import Application, message_context
    from quixstreams.dataframe import StreamingDataFrame
    from quixstreams.exceptions import QuixException
    from quixstreams.kafka import ConnectionConfig
    from quixstreams.models.topics.exceptions import TopicPartitionsMismatch
    from quixstreams.state.exceptions import InvalidStoreChangelogOffset, StateRecoveryOffsetOutOfRange

# We report an unreachable broker ourselves; other failures Quix raises.
logging.getLogger("quixstreams").setLevel(logging.CRITICAL)


class QuixApp(Application):
    """A Quix application that exposes its assignment and leaves signals to `streamgauge.runtime.process`."""

    identity: TopicIdentity
    assigned: frozenset[Partition] = frozenset()
    joined = False
    _began: Mapping[Partition, int] = {}
    check_changelogs: Callable[[Mapping[str, str]], None]
    """Called at each assignment with the ids of the changelogs by topic."""
    committed_at = 0.0
    """When the last transaction was committed, at first the start: the open one began then (`time.monotonic`)."""

    def time_commits(self) -> None:
        """Measure the duration of each commit that is not empty."""
        context, seconds = self._processing_context, metrics.histogram("streamgauge_service_commit_seconds")
        commit, interval_s = context.commit_checkpoint, context.commit_interval

        def timed(force: bool = False, revoking: bool = False) -> None:  # noqa: FBT001, FBT002
            began, commits = time.perf_counter(), force or context.checkpoint.expired()
            commits = commits and not context.checkpoint.empty()
            commit(force=force, revoking=revoking)
            if commits:
                took = time.perf_counter() - began
                seconds.observe(took)
                # Nothing is processed during a commit. A commit that takes longer than the interval lengthens the next
                # interval: at least half of the time is for events, or a short interval would never catch up.
                context.commit_interval = max(interval_s, took)

        setattr(context, "commit_checkpoint", timed)  # noqa: B010

    def check_topics(self, admin: AdminClient) -> None:
        """Commit the id of each topic with its offsets, and nothing where one was made anew since the assignment: then
        the commit raises `TopicRecreated`, and a new application reads that topic from its beginning.
        """
        self._admin, self.identity = admin, (identity := TopicIdentity(admin))
        producer = self._processing_context.producer
        commit = producer.commit_transaction
        self.committed_at = time.monotonic()

        def checked(positions: list[TopicPartition], group: Any, timeout: float | None = None) -> None:
            identity.confirm(identity.begin({at.topic for at in positions}), {}, {})
            with_ids = [
                TopicPartition(at.topic, at.partition, at.offset, metadata=identity.metadata(at.topic, ""))
                for at in positions
            ]
            commit(with_ids, group, timeout=timeout)
            self.committed_at = time.monotonic()

        setattr(producer, "commit_transaction", checked)  # noqa: B010

    def topic(self, *arguments: Any, **options: Any) -> Any:
        """Quix's, but for messages with headers whose names are not UTF-8: it would end at the first."""
        topic = super().topic(*arguments, **options)
        deserialize = topic.row_deserialize

        def row_deserialize(message: Any) -> Any:
            headers_of(message)
            return deserialize(message)

        setattr(topic, "row_deserialize", row_deserialize)  # noqa: B010
        return topic

    def _setup_signal_handlers(self) -> None:
        """Install none: Quix's own would hide a SIGTERM from us; `runner` calls `stop`."""

    def _on_assign(self, consumer: Any, partitions: list[Any]) -> None:
        # Before the state is restored, which may fail because of it.
        changelogs = (topic.name for topic in self._topic_manager.changelog_topics_list)
        there = topic_ids.known(self._admin, changelogs)
        self.check_changelogs({name: topic.id for name, topic in there.items() if topic.id})
        super()._on_assign(consumer, partitions)
        if partitions:
            self._resume(partitions)
        self._hold(self.assigned | {(tp.topic, tp.partition) for tp in partitions}, joined=True)

    def _resume(self, partitions: list[TopicPartition]) -> None:
        """Read topics that were made anew from their beginning; the others have been assigned at their offsets."""
        sources = [at for at in partitions if at.topic in self._topic_manager.non_changelog_topics]
        committed = self._consumer.committed(partitions=sources, timeout=30)
        starts = self.identity.resume(committed, self._end)
        for before, start in zip(committed, starts, strict=True):
            if before.offset >= 0 and start.offset == OFFSET_BEGINNING:
                self._consumer.seek(start)
        self._began = {**self._began, **{(at.topic, at.partition): at.offset for at in starts}}

    def _end(self, at: TopicPartition) -> int:
        return int(self._consumer.get_watermark_offsets(at, timeout=30)[1])

    def _on_revoke(self, consumer: Any, partitions: list[Any]) -> None:
        self._hold(self.assigned - {(tp.topic, tp.partition) for tp in partitions}, joined=False)
        super()._on_revoke(consumer, partitions)

    def _on_lost(self, consumer: Any, partitions: list[Any]) -> None:
        self._hold(frozenset(), joined=False)
        super()._on_lost(consumer, partitions)

    def _hold(self, assigned: frozenset[Partition], *, joined: bool) -> None:
        self.assigned, self.joined = assigned, joined

    def disable_time_alignment(self) -> None:
        """Process concatenated topics independently of each other.

        Quix would wait whenever one of a partition's topics has nothing to read, until it is certain that nothing is
        under way there. Our services write to topics that they read, so each would wait for its own next commit. They
        accept events of different topics in any order; within one key of one topic the order holds.
        """
        self._dataframe_registry._requires_time_alignment = False

    def positions(self) -> dict[Partition, tuple[int, int]]:
        """Position and log end of each assigned partition, below 0 while unknown. Makes no request to the broker."""
        topics = self._topic_manager.non_changelog_topics
        tps = [TopicPartition(topic, number) for topic, number in self.assigned if topic in topics]
        found = {}
        for at in self._consumer.position(tps) if tps else ():
            low, end = self._consumer.get_watermark_offsets(at, cached=True)
            position = at.offset if at.offset >= 0 else self._began.get((at.topic, at.partition), -1)
            # Nothing read and nothing committed: it begins at the oldest offset.
            found[at.topic, at.partition] = (position if position >= 0 else low, end)
        return found

    @property
    def not_ready_reason(self) -> str | None:
        """Why the replica is not ready; None when it is."""
        if not self.joined:
            return "waiting for partitions: the group rebalances"
        return "reading its state from the changelog" if self._state_manager.recovery_required else None


__all__ = [
    "ConnectionConfig",
    "InvalidStoreChangelogOffset",
    "QuixException",
    "QuixApp",
    "StateRecoveryOffsetOutOfRange",
    "StreamingDataFrame",
    "TopicPartitionsMismatch",
    "message_context",
]
