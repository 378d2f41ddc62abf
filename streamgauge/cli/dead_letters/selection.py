"""Which dead letters: the rows of the table `dead_letters` that ids, a fingerprint or filters choose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from streamgauge.dead_letters.headers import Place
from streamgauge.dead_letters.letter import Letter
from streamgauge.runtime.errors import UsageError
from streamgauge.warehouse.client import Warehouse

_FINGERPRINT = re.compile(r"[0-9a-f]{4,12}")
_SPAN = re.compile(r"(\d+)\s*([smhd])")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Rows written before there were these columns have nulls. Two services may dead-letter one event: it is one letter.
_LETTERS = """
SELECT coalesce(topic, stream) AS topic, kafka_partition, kafka_offset, stream, reason,
       coalesce(fingerprint, '') AS fingerprint, field, detail, coalesce(attempts, 1) AS attempts, retry_of, consumer,
       coalesce(letter_topic, stream || '.dlq') AS letter_topic, coalesce(dead_at, kafka_timestamp) AS dead_at
FROM dead_letters
WHERE {}
QUALIFY row_number() OVER (PARTITION BY coalesce(topic, stream), kafka_partition, kafka_offset ORDER BY dead_at) = 1
"""


@dataclass(frozen=True)
class Choice:
    """What the command line chose. Ids stand alone; the rest narrow one another."""

    ids: tuple[Place, ...] = ()
    fingerprint: str | None = None
    stream: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        """True where nothing was chosen, which never means everything."""
        return replace(self, until=None) == Choice()


def choose(
    names: Sequence[str],
    fingerprint: str | None,
    stream: str | None,
    reason: str | None,
    since: str | None,
    until: str | None = None,
) -> Choice:
    """The choice that arguments and options make. Raises `UsageError` for what is neither id nor fingerprint."""
    ids = []
    for name in names:
        place = Place.parse(name)
        if place is None and _FINGERPRINT.fullmatch(name) and fingerprint in (None, name) and len(names) == 1:
            fingerprint = name
        elif place is None:
            raise UsageError(f"`{name}` is no dead letter's id (topic:partition:offset, as `dead-letters list` has it)")
        else:
            ids.append(place)
    if fingerprint is not None and not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError(f"`{fingerprint}` is no fingerprint: 12 hexadecimal digits, of which 4 or more are enough")
    if ids and (fingerprint or stream or reason or since or until):
        raise UsageError("ids already say which; leave the other filters out")
    return Choice(tuple(ids), fingerprint, stream, reason, moment(since), moment(until))


def moment(text: str | None, now: datetime | None = None) -> datetime | None:
    """`30m`, `2h`, `1d` ago, or a time in ISO 8601 (UTC unless it says otherwise). Raises `UsageError`."""
    if not text:
        return None
    if span := _SPAN.fullmatch(text.strip()):
        return (now or datetime.now(UTC)) - timedelta(**{_UNIT[span[2]]: int(span[1])})
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"`{text}` is neither a span (30m, 2h, 1d) nor a time (2026-11-22T10:00)") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def condition(choice: Choice) -> tuple[str, list[object]]:
    """The choice as SQL over `dead_letters`, and its parameters."""
    parts, values = ["true"], list[object]()
    if choice.ids:
        parts.append(
            "("
            + " OR ".join(["(coalesce(topic, stream), kafka_partition, kafka_offset) = (?, ?, ?)"] * len(choice.ids))
            + ")"
        )
        values += [value for place in choice.ids for value in place]
    if choice.fingerprint:
        parts.append("starts_with(fingerprint, ?)")
        values.append(choice.fingerprint)
    for column, value in (("stream", choice.stream), ("reason", choice.reason)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if choice.since:
        parts.append("coalesce(dead_at, kafka_timestamp) >= ?::TIMESTAMPTZ")
        values.append(choice.since)
    if choice.until:
        parts.append("coalesce(dead_at, kafka_timestamp) < ?::TIMESTAMPTZ")
        values.append(choice.until)
    return " AND ".join(parts), values


def find(warehouse: Warehouse, choice: Choice) -> list[Letter]:
    """The letters of a choice, in the order in which their events were first published, partition by partition.

    Ids that the table does not have are taken for letters of ours that it has expired (`Letter.unlisted`).
    """
    where, values = condition(choice)
    rows = warehouse.query(_LETTERS.format(where), values).to_pylist()
    letters = []
    for row in rows:
        place = Place(row.pop("topic"), row.pop("kafka_partition"), row.pop("kafka_offset"))
        root = Place.parse(row.pop("retry_of") or "") or place
        letters.append(Letter(place=place, root=root, **row))
    letters += [Letter.unlisted(place) for place in set(choice.ids) - {letter.place for letter in letters}]
    # Events of one key are in one partition: in this order they are sent again as they were sent first.
    return sorted(letters, key=lambda letter: (letter.root, letter.attempts))
