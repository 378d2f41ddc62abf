"""Selection of dead letters: rows of the table `dead_letters`, by ids, fingerprint or filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.letter import Letter
from streamgauge.runtime.errors import UsageError
from streamgauge.warehouse.client import Warehouse

_FINGERPRINT = re.compile(r"[0-9a-f]{4,12}")
_SPAN = re.compile(r"(\d+)\s*([smhd])")
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Rows older than a column have nulls in it. Two services may dead-letter one event: it counts as one letter.
_LETTERS = """
SELECT coalesce(topic, stream) AS topic, kafka_partition, kafka_offset, kafka_topic_id, stream, reason,
       coalesce(fingerprint, '') AS fingerprint, field, detail, coalesce(attempts, 1) AS attempts, retry_of, consumer,
       coalesce(letter_topic, stream || '.dlq') AS letter_topic, dead_at,
       letter_partition, letter_offset
FROM dead_letters
WHERE {}
QUALIFY row_number() OVER (
    PARTITION BY coalesce(topic, stream), kafka_partition, kafka_offset, kafka_topic_id ORDER BY dead_at
) = 1
ORDER BY kafka_topic_since NULLS FIRST, dead_at
"""


@dataclass(frozen=True)
class Choice:
    """The filters of the command line. Ids stand alone; the others are combined with AND."""

    ids: tuple[Position, ...] = ()
    fingerprint: str | None = None
    stream: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was chosen, which never means everything."""
        return replace(self, until=None) == Choice()


def choose(
    names: Sequence[str],
    fingerprint: str | None,
    stream: str | None,
    reason: str | None,
    since: str | None,
    until: str | None = None,
) -> Choice:
    """The choice from arguments and options. Raises `UsageError` for what is neither an id nor a fingerprint."""
    ids = []
    for name in names:
        position = Position.parse(name)
        if position is None and _FINGERPRINT.fullmatch(name) and fingerprint in (None, name) and len(names) == 1:
            fingerprint = name
        elif position is None:
            raise UsageError(f"`{name}` is not a dead letter's id (topic:partition:offset, as in `dead-letters list`)")
        else:
            ids.append(position)
    if fingerprint is not None and not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError(f"`{fingerprint}` is not a fingerprint: 12 hexadecimal digits, or the first 4 or more of them")
    if ids and (fingerprint or stream or reason or since or until):
        raise UsageError("ids cannot be combined with other filters")
    return Choice(tuple(ids), fingerprint, stream, reason, moment(since), moment(until))


def moment(text: str | None, now: datetime | None = None) -> datetime | None:
    """Parse `30m`, `2h`, `1d` (ago) or an ISO 8601 time, UTC without a zone. Raises `UsageError`."""
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
        place = "(coalesce(topic, stream), kafka_partition, kafka_offset) = (?, ?, ?)"
        conditions = [f"{place} AND kafka_topic_id = ?" if one.topic_id else place for one in choice.ids]
        parts.append(f"({' OR '.join(conditions)})")
        values += [value for position in choice.ids for value in position if value is not None]
    if choice.fingerprint:
        parts.append("starts_with(fingerprint, ?)")
        values.append(choice.fingerprint)
    for column, value in (("stream", choice.stream), ("reason", choice.reason)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if choice.since:
        parts.append("dead_at >= ?::TIMESTAMPTZ")
        values.append(choice.since)
    if choice.until:
        parts.append("dead_at < ?::TIMESTAMPTZ")
        values.append(choice.until)
    return " AND ".join(parts), values


def find(warehouse: Warehouse, choice: Choice) -> list[Letter]:
    """The letters of a choice, in the order in which their events were first published, partition by partition.

    An id without its topic's id is that of the newest topic of the name. Ids that the table does not have are taken for
    letters that it has expired (`Letter.unlisted`).
    """
    where, values = condition(choice)
    rows = warehouse.query(_LETTERS.format(where), values).to_pylist()
    letters = []
    for row in rows:
        place = (row.pop(name) for name in ("topic", "kafka_partition", "kafka_offset", "kafka_topic_id"))
        position = Position(*place)
        root = Position.parse(row.pop("retry_of") or "") or position
        partition, offset = row.pop("letter_partition"), row.pop("letter_offset")
        letters.append(
            Letter(position=position, root=root, place=Position.of(row["letter_topic"], partition, offset), **row)
        )
    if choice.ids:
        letters = _named(letters, choice.ids)
    return in_order(letters)


def in_order(letters: Sequence[Letter]) -> list[Letter]:
    """In the order in which their events were first published: those of one key are in one partition.

    Of a topic that was made anew, those of the earlier one come first, as in `letters`.
    """
    age = {letter.position.topic_id: number for number, letter in reversed(list(enumerate(letters)))}
    return sorted(letters, key=lambda one: (one.root[:2], age[one.position.topic_id], one.root.offset, one.attempts))


def _named(letters: Sequence[Letter], ids: Iterable[Position]) -> list[Letter]:
    """The letter of each id; of several at one place, the newest topic's, which comes last."""
    by_id = {letter.position: letter for letter in letters} | {
        Position(*letter.position[:3]): letter for letter in letters
    }
    return [by_id.get(position) or Letter.unlisted(position) for position in dict.fromkeys(ids)]
