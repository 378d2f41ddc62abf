"""Our lag verdicts beside Burrow's on the same broker: the same situations, and the reason for each difference.

Burrow is Debian's package, started as its users start it; burrow_compat.py provides what it needs of an older Kafka.
The two are kept in step: in each tick Burrow has read the new ends before anything is committed, and every commit
before we sample. So no verdict depends on the machine's speed.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from processors.lag.cluster import ClusterReader, Filter
from processors.lag.history import History
from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime import kafka
from tests.conftest import SettingsFactory, TopicFactory
from tests.kafka.burrow_compat import no_zookeeper, old_commits, old_kafka
from tests.support.publishing import ordered_producer
from tests.support.requirements import require_program
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
WINDOW, TICKS_MOST, LAST_COMMIT = 5, 30, 3
CONFIG = """
[general]
pidfile = "{folder}/burrow.pid"
[logging]
level = "warn"
[zookeeper]
servers = ["{zookeeper}"]
[client-profile.old]
kafka-version = "2.1.0"
[cluster.local]
class-name = "kafka"
servers = ["{kafka}"]
client-profile = "old"
topic-refresh = 1
offset-refresh = 1
[consumer.local]
class-name = "kafka"
cluster = "local"
servers = ["{kafka}"]
client-profile = "old"
offsets-topic = "{commits}"
[httpserver.default]
address = "127.0.0.1:{port}"
[storage.default]
class-name = "inmemory"
intervals = {window}
min-distance = 0
[evaluator.default]
class-name = "caching"
expire-cache = 1
"""


class Situation(NamedTuple):
    """A group of one topic: end and committed offset after tick `t` (None is no commit), and both verdicts.

    `why` explains a difference. `leaves` is whether the consumer leaves the group after its last commit.
    """

    end: Callable[[int], int]
    commit: Callable[[int], int | None]
    ours: str
    burrows: str
    why: str = ""
    leaves: bool = False
    transactional: bool = False


def until_last(commit: Callable[[int], int]) -> Callable[[int], int | None]:
    return lambda t: commit(t) if t <= LAST_COMMIT else None


SITUATIONS = {
    "caught up": Situation(lambda t: 10 + 10 * t, lambda t: 10 + 10 * t, "OK", "OK"),
    "growing": Situation(lambda t: 20 + 10 * t, lambda t: 5 + 2 * t, "WARN", "WARN"),
    "stalled": Situation(lambda t: 20 + 10 * t, lambda t: 5, "STALL", "STALL"),
    "stopped": Situation(lambda t: 20 + 10 * t, until_last(lambda t: 5 + 2 * t), "STOP", "STOP", leaves=True),
    "rewinding": Situation(lambda t: 500 + 2 * t, lambda t: 400 - 5 * t, "REWIND", "REWIND"),
    "slow recovery": Situation(lambda t: 800 + 2 * t, lambda t: 5 + 5 * t, "OK", "OK"),
    "hangs": Situation(
        lambda t: 20 + 10 * t,
        until_last(lambda t: 5 + 2 * t),
        "STALL",
        "STOP",
        "a member still holds the partition",
    ),
    "went back and caught up": Situation(
        lambda t: 140 + 10 * t,
        lambda t: 100 + 10 * t - (15 if t % 3 == 1 else 0),
        "OK",
        "REWIND",
        "it is beyond where it went back from, and gains",
    ),
    "idle behind a transaction": Situation(
        lambda t: 5,
        lambda t: 4,
        "OK",
        "STALL",
        "the last offset is the transaction's marker",
        transactional=True,
    ),
}


class Burrow:
    """A running Burrow, queried over HTTP."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}/v3/kafka/local"

    def get(self, path: str) -> dict[str, Any]:
        """A response; empty while there is none."""
        try:
            response: dict[str, Any] = httpx.get(f"{self._root}/{path}", timeout=10, trust_env=False).json()
        except httpx.TransportError:
            return {}
        return response

    def end(self, topic: str) -> int | None:
        """The end of the topic's one partition, as far as Burrow knows it."""
        offsets = self.get(f"topic/{topic}").get("offsets") or [None]
        return None if offsets[0] is None else int(offsets[0])

    def knows_end(self, topic: str, end: int) -> bool:
        """Whether Burrow has read that end of the topic."""
        return self.end(topic) == end

    def knows_commit(self, topic: str, offset: int, since_ms: int) -> bool:
        """Whether the newest commit that Burrow has read of the topic's group is that one, made since then."""
        known = self.get(f"consumer/{topic}").get("topics", {}).get(topic) or [{}]
        offsets = [one for one in known[0].get("offsets", []) if one]
        # Both are of this machine's clock; the broker's is a millisecond coarser.
        return bool(offsets) and offsets[-1]["offset"] == offset and offsets[-1]["timestamp"] >= since_ms - 1

    def verdict(self, group: str) -> str:
        """Its status for the group's one partition."""
        partitions = self.get(f"consumer/{group}/lag").get("status", {}).get("partitions") or [{}]
        return str(partitions[0].get("status", "UNKNOWN"))


@pytest.fixture
def burrow(broker: LocalKafka, topic_factory: TopicFactory, tmp_path: Path) -> Iterator[Burrow]:
    """Debian's Burrow on the session's broker."""
    program = require_program("Burrow", "burrow")
    commits, port = topic_factory(name=f"commits-{uuid.uuid4()}"), free_port()
    with old_kafka(broker.bootstrap) as old, no_zookeeper() as zookeeper, (tmp_path / "log").open("wb") as log:
        text = CONFIG.format(folder=tmp_path, zookeeper=zookeeper, kafka=old, commits=commits, port=port, window=WINDOW)
        (tmp_path / "burrow.toml").write_text(text)
        child = subprocess.Popen([program, "-config-dir", str(tmp_path)], stdout=log, stderr=log)
        try:
            with old_commits(broker.bootstrap, commits):
                one = Burrow(port)
                wait_until(lambda: one.end(commits) is not None, "Burrow knows the broker's topics", 60.0)
                yield one
        finally:
            child.terminate()
            child.wait(20)


def joined(member: Consumer) -> bool:
    """Whether it holds its partition; it must be polled for that. The messages are ignored."""
    member.poll(0.1)
    return bool(member.assignment())


class Script:
    """All situations, each with a topic and a group of one member."""

    def __init__(self, bootstrap: str, topic_factory: TopicFactory) -> None:
        self.run = uuid.uuid4().hex[:8]
        self.topics = {name: topic_factory(name=f"{self.run}-{name.replace(' ', '-')}") for name in SITUATIONS}
        self._ends = dict.fromkeys(SITUATIONS, 0)
        self._producer = ordered_producer(bootstrap, linger_ms=5)
        self._bootstrap = bootstrap
        self.members: dict[str, Consumer] = {}
        for name, topic in self.topics.items():
            self.members[name] = Consumer(
                {"bootstrap.servers": bootstrap, "group.id": topic, "enable.auto.commit": False, "log_level": 0}
            )
            self.members[name].subscribe([topic])
        for name, member in self.members.items():
            wait_until(partial(joined, member), f"{name} has a member", 60.0)

    def produce(self, tick: int) -> None:
        """Produce up to each situation's end."""
        for name, situation in SITUATIONS.items():
            missing = situation.end(tick) - self._ends[name]
            self._ends[name] += missing
            if situation.transactional and missing:
                producer = Producer({"bootstrap.servers": self._bootstrap, "transactional.id": self.topics[name]})
                producer.init_transactions(30)
                producer.begin_transaction()
                for _ in range(missing - 1):  # the marker is the last
                    producer.produce(self.topics[name], b"event")
                producer.commit_transaction(30)
                continue
            for _ in range(missing):
                self._producer.produce(self.topics[name], b"event")
        assert self._producer.flush(30) == 0

    def commit(self, tick: int) -> dict[str, int]:
        """Commit each situation's offset; returns those committed. A member that commits no more leaves if it is to."""
        committed = {}
        for name, situation in SITUATIONS.items():
            offset = situation.commit(tick)
            if offset is not None:
                self.members[name].commit(offsets=[TopicPartition(self.topics[name], 0, offset)], asynchronous=False)
                committed[name] = offset
            elif situation.leaves and name in self.members:
                self.members.pop(name).close()
        return committed

    def close(self) -> None:
        """Close every member."""
        for member in self.members.values():
            member.close()


def test_verdicts_side_by_side(
    burrow: Burrow, broker: LocalKafka, settings_factory: SettingsFactory, topic_factory: TopicFactory
) -> None:
    with contextlib.closing(Script(broker.bootstrap, topic_factory)) as script:
        settings = settings_factory(lag_groups_include=f"^{script.run}-", lag_topics_include=f"^{script.run}-")
        cluster, history = ClusterReader(kafka.admin(settings), Filter(settings), 30.0), History(WINDOW)
        ours: dict[str, str] = {}
        burrows: dict[str, str] = {}
        for tick in range(TICKS_MOST):
            script.produce(tick)
            for name, topic in script.topics.items():
                end = SITUATIONS[name].end(tick)
                wait_until(partial(burrow.knows_end, topic, end), f"Burrow sees {name} end at {end}", 60.0)
            began_ms = int(time.time() * 1_000)
            for name, offset in script.commit(tick).items():
                seen = partial(burrow.knows_commit, script.topics[name], offset, began_ms)
                wait_until(seen, f"Burrow sees {name} commit {offset}", 60.0)
            view = cluster.read()
            assert view.failed == set()
            history.add(view, int(time.time() * 1_000))
            ours = {row.group: row.status for row in history.snapshot(view, int(time.time() * 1_000)).rows}
            if tick == 0:
                assert set(ours.values()) == {"UNKNOWN"}
            # Every third tick is alike. Burrow calls a group stopped once the silence is longer than the commits that
            # it remembers: until then, and after a hiccup of this machine as long as that, it takes more ticks.
            if tick >= LAST_COMMIT + WINDOW and tick % 3 == 2:
                burrows = {name: burrow.verdict(topic) for name, topic in script.topics.items()}
                if burrows == {name: situation.burrows for name, situation in SITUATIONS.items()}:
                    break
    table = {name: (ours[topic], burrows.get(name)) for name, topic in script.topics.items()}
    for name, (mine, theirs) in table.items():
        print(f"{name:26} ours {mine:8} Burrow {theirs!s:8} {SITUATIONS[name].why}")
    assert table == {name: (situation.ours, situation.burrows) for name, situation in SITUATIONS.items()}


def test_every_difference_is_explained_and_in_the_docs() -> None:
    """docs/lag.md has the table: a row a situation, with both verdicts and the explanation."""
    page = (Path(__file__).parents[2] / "docs/lag.md").read_text(encoding="utf-8")
    for name, situation in SITUATIONS.items():
        assert (situation.ours != situation.burrows) == bool(situation.why)
        assert f"| {name} | {situation.ours} | {situation.burrows} | {situation.why} |" in page, name
