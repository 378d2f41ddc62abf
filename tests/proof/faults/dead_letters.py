"""The dead-letter topic is gone, takes nothing, or may not be written; and a burst of nothing but bad events."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from streamgauge.runtime import kafka
from tests.proof.brokers import Authorizing
from tests.proof.injection import Record, injection
from tests.proof.pipeline import Options, Pipeline, pipeline
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

TOPIC, FAULT_S, LETTERS_S = "orders.dlq", 25.0, 90.0
MANY = Options(invalid=0.05)


def result(futures: dict[Any, Any]) -> None:
    """Wait for what an admin call began."""
    for future in futures.values():
        future.result(timeout=30)


def _tested(shop: Pipeline, begin: Callable[[], None], end: Callable[[], None], what: str) -> None:
    """The fault for `FAULT_S`: where the stream stands still, `/health` says so, and the others go on."""
    shop.wait_at_work()
    begin()
    shop.record.injected(what)
    time.sleep(5.0)  # what was under way
    until, told = time.monotonic() + FAULT_S, ""
    orders, others = shop.counted("stream = 'orders'"), shop.counted("stream <> 'orders'")
    while time.monotonic() < until:
        told = told or health(shop)
        time.sleep(0.2)
    if shop.counted("stream = 'orders'") == orders:
        shop.record.require(told != "", f"{what}: the stream stands still, and /health says ready")
        shop.record.note(f"{what}: the stream waits, and /health says: {told}")
    shop.record.require(shop.counted("stream <> 'orders'") > others, f"{what}: the other streams stand still too")
    end()
    shop.record.require(shop.running["analytics-0"].process.poll() is None, f"{what}: analytics ended")
    shop.wait_back()


def health(shop: Pipeline) -> str:
    """Why analytics is not ready or not well, from `/health`; empty while it says nothing."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{shop.running['analytics-0'].port}/health", timeout=5) as answer:
            state = json.load(answer)
    except urllib.error.HTTPError as error:
        state = json.load(error)
    except OSError:
        return "does not answer"
    return str(state["why"] or "; ".join(state.get("problems", ())))


def compare_letters(shop: Pipeline, ledger: dict[str, Any]) -> None:
    """One committed letter in the topic for every bad order, at the latest `LETTERS_S` after the rows are there."""
    bad = sum(ledger["streams"]["orders"]["invalid"].values())
    deadline = time.monotonic() + LETTERS_S
    while len(set(places := letters(shop))) < bad and time.monotonic() < deadline:
        time.sleep(2.0)
    if missing := bad - len(set(places)):
        written = len(set(letters(shop, "read_uncommitted")))
        shop.record.note(f"Of {bad} letters {written} are written, {missing} of them not committed")
    shop.record.lost += max(0, missing)
    shop.record.repeated += len(places) - len(set(places))


def letters(shop: Pipeline, isolation: str = "read_committed") -> list[tuple[object, object]]:
    """Where the events of the letters in the topic were: partition and offset."""
    messages = read_topic(shop.rig.kafka.bootstrap, TOPIC, isolation)
    headers = (dict(message.headers() or ()) for message in messages)
    return [(one.get("__streams.errors.partition"), one.get("__streams.errors.offset")) for one in headers]


@injection("dlq-gone", f"Dead-letter topic deleted for {FAULT_S:.0f} s, with 5 % bad events", limit_s=300)
def dlq_gone(record: Record) -> None:
    """The letters that were in it are gone with it; the rows of `dead_letters` are not."""
    with pipeline(record, options=MANY) as shop:
        admin = kafka.admin(shop.rig.settings)
        again = NewTopic(TOPIC, 6, 1, config={"max.message.bytes": "4194304"})
        _tested(
            shop,
            lambda: result(admin.delete_topics([TOPIC])),
            lambda: wait_until(lambda: _created(admin, again), "the topic made again", 30),
            "deleted",
        )
        shop.compare()


def _created(admin: AdminClient, topic: NewTopic) -> bool:
    result(admin.create_topics([topic]))
    return True


@injection("dlq-small", f"Dead-letter topic that takes 1,000 bytes, then 200 bytes, {FAULT_S:.0f} s each", limit_s=360)
def dlq_small(record: Record) -> None:
    """1,000 bytes take letters by reference, 200 bytes take none."""
    with pipeline(record, options=MANY) as shop:
        for size in (1_000, 200):
            _small(shop, size)
        compare_letters(shop, shop.compare())


@injection(
    "dlq-tiny",
    f"Dead-letter topic that takes 60 bytes, less than Kafka's own marker of a transaction, for {FAULT_S:.0f} s; then "
    "the broker is started again, without which Kafka keeps the letters of that moment to itself",
    limit_s=360,
)
def dlq_tiny(record: Record) -> None:
    """Kafka commits a transaction whose marker a topic refused everywhere else, and there when it starts again."""
    with pipeline(record, options=MANY) as shop:
        _small(shop, 60)
        shop.rig.kafka.stop()
        shop.rig.kafka.start()
        shop.rig.kafka.wait_ready(120.0)
        shop.wait_back()
        compare_letters(shop, shop.compare())


def _small(shop: Pipeline, size: int) -> None:
    admin = kafka.admin(shop.rig.settings)
    _tested(shop, lambda: _limit(admin, size), lambda: _limit(admin, 4_194_304), f"{size} bytes")


def _limit(admin: AdminClient, size: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    result(
        admin.incremental_alter_configs([ConfigResource(ConfigResource.Type.TOPIC, TOPIC, incremental_configs=[entry])])
    )


@injection("dlq-denied", f"Right to write the dead-letter topic denied for {FAULT_S:.0f} s", limit_s=300)
def dlq_denied(record: Record) -> None:
    """By an ACL, on a broker with Kafka's own authorizer."""
    with pipeline(record, options=Options(invalid=0.05, kafka=Authorizing)) as shop:
        admin = kafka.admin(shop.rig.settings)
        rules = [
            AclBinding(ResourceType.TOPIC, TOPIC, ResourcePatternType.LITERAL, "User:*", "*", operation, permission)
            for operation, permission in (
                (AclOperation.ALL, AclPermissionType.ALLOW),
                (AclOperation.WRITE, AclPermissionType.DENY),
            )
        ]
        every = AclBindingFilter(
            ResourceType.TOPIC, TOPIC, ResourcePatternType.LITERAL, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        _tested(shop, lambda: result(admin.create_acls(rules)), lambda: result(admin.delete_acls([every])), "denied")
        compare_letters(shop, shop.compare())
