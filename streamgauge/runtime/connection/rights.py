"""A right that the cluster refuses, in one line: which, on what, to whom, and the command that grants it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError

from streamgauge.runtime.connection import certificate
from streamgauge.runtime.settings import Settings


class Right(NamedTuple):
    """An operation on a resource: `Right("Write", "topic", "orders")`. `kind` is `topic`, `group`, `cluster` or
    `transactional-id`, as in `kafka-acls`."""

    operation: str
    kind: str
    name: str = ""


# What a client most often lacks where the error does not say more.
_KINDS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Right("Describe", "topic"),
    KafkaError.GROUP_AUTHORIZATION_FAILED: Right("Read", "group"),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Right("Describe", "cluster"),
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: Right("Write", "transactional-id"),
}


def is_refusal(error: object) -> bool:
    """Whether the broker refused for want of a right."""
    return isinstance(error, KafkaError) and error.code() in _KINDS


def is_refusal_of_topic(error: object) -> bool:
    """Whether the broker refused for want of a right on a topic, which the error does not name."""
    return isinstance(error, KafkaError) and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def principal(settings: Settings) -> str:
    """Who this client is to the broker, as its access control lists name it."""
    if settings.security_protocol.startswith("SASL"):
        return f"User:{settings.sasl_username}"
    if settings.security_protocol == "SSL" and settings.ssl_certificate_location:
        name = certificate.subject(settings.ssl_certificate_location)
        return f"User:{name}" if name else f"the subject of {settings.ssl_certificate_location}"
    return "User:ANONYMOUS"


def refusal(error: KafkaError, settings: Settings, *asked: Right, topic: str = "") -> str:
    """The sentence. `asked` are the rights that the call needed; those of the error's kind are named.

    `topic` is the one that was refused, where `asked` do not name it.
    """
    usual = _KINDS[error.code()]
    if "PID" in error.str() and usual.kind == "cluster":
        # An idempotent producer's number; the right to write to any topic includes it.
        usual = Right("IdempotentWrite", "cluster")
    lacking = [right for right in asked if right.kind == usual.kind] or [usual]
    if usual.kind == "topic":
        lacking = [right if right.name else right._replace(name=topic) for right in lacking]
    return refused(settings, *lacking)


def refused(settings: Settings, *lacking: Right) -> str:
    """The sentence about rights of one kind, any of which would do."""
    who = principal(settings)
    named = " or ".join(_named(right) for right in lacking)
    command = grant(who, [right.operation for right in lacking], lacking[0].kind, [lacking[0].name or "NAME"])
    return f"Kafka on {settings.bootstrap} refuses {who} {named}; grant it: {command} (docs/rights.md)"


def grant(who: str, operations: Iterable[str], kind: str, names: Iterable[str]) -> str:
    """The command that grants operations on resources of a kind."""
    # A certificate or a token may not tell whom it names.
    to = shlex.quote(who) if who.startswith("User:") else "PRINCIPAL"
    on = ["--cluster"] if kind == "cluster" else [f"--{kind} {shlex.quote(name)}" for name in names]
    asked = [f"--operation {operation}" for operation in operations]
    return " ".join(["kafka-acls --add --allow-principal", to, *asked, *on])


def _named(right: Right) -> str:
    kind = right.kind.replace("-", " ")
    return f"{right.operation} on the {kind}{f' `{right.name}`' if right.name else ''}"
