"""Topic identity: every offset that a replica reads from or commits belongs to the id of its topic.

A topic that is deleted and made anew has another id, and what is in it is read from its beginning:

1. On assignment, ids are compared with those in the metadata of the committed offsets (`topic_id=…`).
2. A batch is committed only if, after its last message was read, its topics still have the ids from before its first.
   Ids are unique, so nothing in it is of another topic. The request runs while the models do.
3. All topics held are checked every `EVERY_S`: one made anew with as many events as were read brings no message.
4. Where a check fails, the caller starts again with a new consumer: librdkafka's goes on at its old position.

Where a broker knows no ids (before Kafka 2.8), a new topic is told by its log: it ends before the committed offset, or
offsets go back while it is read. One that has grown longer by then cannot be told.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.kafka import Partition, topic_ids
from streamgauge.runtime.kafka.topic_ids import Described, Request

EVERY_S = 5.0
_STORED = re.compile(r"(?:^| )topic_id=(\S{1,300})(?: |$)")
log = logging.getLogger("streamgauge")


class TopicRecreated(TransientError):
    """A topic was made anew, or is gone, while a batch was read: nothing of the batch may be committed."""


class Check(NamedTuple):
    """A request for the ids of `topics`."""

    topics: frozenset[str]
    request: Request


class TopicIdentity:
    """The ids of the topics that a replica reads. `ids` has them by name, without those whose broker gives none."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self.ids: dict[str, str] = {}
        self._now: dict[str, Described] = {}
        self._went_back: set[str] = set()
        self._due = 0.0
        self._warned = False

    def resume(self, committed: Iterable[TopicPartition], end: Callable[[TopicPartition], int]) -> list[TopicPartition]:
        """Where to read each partition from, given the group's offsets with their metadata; `OFFSET_BEGINNING` where it
        has none, or one of an earlier topic. `end` gives a log's end. Raises `KafkaException`.
        """
        committed = list(committed)
        self._now = topic_ids.read(self._admin, {at.topic for at in committed})
        self._due = time.monotonic() + EVERY_S
        anew = {at.topic for at in committed if at.offset >= 0 and self._is_earlier(at, end)}
        before = self.ids
        self.ids = {topic: now.id for topic, now in self._now.items() if now.id}
        for at in committed:
            if (now := self._now.get(at.topic)) and not now.id and at.topic not in anew and (kept := stored(at)):
                self.ids[at.topic] = kept
        for topic in sorted(anew):
            if topic not in self.ids:
                self.ids[topic] = f"{topic}@{int(time.time() * 1_000)}"
            of_topic = (stored(at) for at in committed if at.topic == topic)
            earlier = {one for one in (before.get(topic), *of_topic) if one} - {self.ids[topic]}
            log.warning(
                "%s was deleted and made anew (topic id %s, before %s): it is read from its beginning",
                topic,
                self.ids[topic],
                ", ".join(sorted(earlier)) or "unknown",
            )
        self._went_back.clear()
        self._warn_once()
        return [
            TopicPartition(at.topic, at.partition, OFFSET_BEGINNING if at.offset < 0 or at.topic in anew else at.offset)
            for at in committed
        ]

    def _is_earlier(self, at: TopicPartition, end: Callable[[TopicPartition], int]) -> bool:
        now, known = self._now.get(at.topic), stored(at)
        if now is None:
            return False
        if now.id and known:
            return now.id != known
        # No id to compare: an offset that somebody set with a tool, or a broker without ids.
        return at.topic in self._went_back or end(at) < at.offset

    def _warn_once(self) -> None:
        without = sorted(topic for topic, now in self._now.items() if not now.id)
        if without and not self._warned:
            self._warned = True
            log.warning(
                "the broker gives no topic ids (Kafka before 2.8): if a topic is deleted and made anew, and has grown "
                "longer than what was read of the old one, its first events are skipped and nobody can tell"
            )

    def begin(self, topics: Collection[str]) -> Check:
        """Begin to check the topics of a batch, and when it is time all others."""
        wanted = set(topics)
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + EVERY_S
            wanted |= self._now.keys()
        return Check(frozenset(wanted), topic_ids.request(self._admin, wanted))

    def confirm(self, check: Check, first: Mapping[Partition, int], following: Mapping[Partition, int]) -> None:
        """Raise `TopicRecreated` unless every topic checked is the one it was at `resume`.

        `first` and `following` are the offsets at which the batch begins and ends; they never go back in a log.
        """
        try:
            now = check.request.result()
        except KafkaException as error:
            raise TransientError(f"topic ids: {error.args[0].str()}") from error
        back = {at[0] for at, offset in following.items() if offset < first.get(at, 0)}
        back = {topic for topic in back if not (now.get(topic) or Described("", 0)).id}
        self._went_back |= back
        changed = {topic for topic in check.topics if _id(now, topic) != _id(self._now, topic)}
        if changed | back:
            names = ", ".join(sorted(changed | back))
            raise TopicRecreated(f"{names}: deleted or made anew while it was read; the batch is read again")

    def metadata(self, topic: str, text: str) -> str:
        """The metadata to commit with an offset of the topic: `text`, and the topic's id."""
        return f"{text} {metadata(self.ids.get(topic, ''))}".strip()


def metadata(topic_id: str) -> str:
    """The metadata of an offset of the topic with this id; empty where a broker gives none."""
    return f"topic_id={topic_id}" if topic_id else ""


def stored(committed: TopicPartition) -> str | None:
    """The topic's id in the metadata of a committed offset."""
    found = _STORED.search(committed.metadata or "")
    return found[1] if found else None


def _id(described: Mapping[str, Described], topic: str) -> str | None:
    return described[topic].id if topic in described else None
