"""Rights that this client lacks on a cluster, and what each would add. Pure; the lag sampler asks the cluster.

Only what would show more is listed: nothing here stops the work. What a client may not describe Kafka does not even
name, so of topics and groups that are hidden nothing can be said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from streamgauge.runtime.connection import rights
from streamgauge.runtime.settings import Settings

# Topics or groups that are named; of more, the number is told.
MOST_NAMED = 5
_OF_TOPICS = {
    "READ": ("Read", "their events, and a lag that counts no transaction marker as an event"),
    "DESCRIBE_CONFIGS": ("DescribeConfigs", "how long they keep events, and how large one may be"),
}


class Granted(NamedTuple):
    """What the cluster grants. Operations have their names in Kafka's protocol, such as DESCRIBE_CONFIGS.

    topics:  operations by topic, of those that are shown; none where the broker does not tell.
    hidden:  topics that exist, for a group has read them, and are not shown.
    groups:  groups that are shown.
    refused: groups of which it refused a part.
    cluster: operations on the cluster; none where it grants none, or does not tell.
    """

    topics: Mapping[str, Collection[str]]
    hidden: Collection[str] = ()
    groups: int = 0
    refused: Collection[str] = ()
    cluster: Collection[str] = ()


class Missing(NamedTuple):
    """A right that is not granted. `adds` is what it would show; `grant` is the command that grants it."""

    operation: str
    resource: str
    principal: str
    adds: str
    grant: str

    def __str__(self) -> str:
        return f"{self.principal} lacks {self.operation} on {self.resource}; it would add {self.adds}: {self.grant}"


def of(settings: Settings, granted: Granted) -> list[Missing]:
    """The rights that are missing, those that would add most first."""
    who = rights.principal(settings)

    def missing(operation: str, kind: str, names: Collection[str], adds: str) -> Missing:
        every = not names
        return Missing(
            operation,
            "the cluster" if kind == "cluster" else f"every {kind}" if every else _named(kind, sorted(names)),
            who,
            adds,
            rights.grant(who, [operation], kind, ["*"] if every else sorted(names)[:MOST_NAMED]),
        )

    found = []
    if not granted.topics:
        found.append(missing("Describe", "topic", (), "the topics, if there are any, and all about them"))
    if granted.hidden:
        found.append(missing("Describe", "topic", granted.hidden, "these topics, which groups have read"))
    told = {topic: may for topic, may in granted.topics.items() if may}
    for operation, (name, adds) in _OF_TOPICS.items():
        if lacking := {topic for topic, may in told.items() if not {operation, "ALL"} & set(may)}:
            found.append(missing(name, "topic", () if len(lacking) == len(granted.topics) else lacking, adds))
    if granted.refused:
        found.append(missing("Describe", "group", granted.refused, "lag and members of these groups"))
    # A broker that tells nothing of topics may tell nothing of the cluster either.
    if (told or not granted.topics) and "DESCRIBE" not in granted.cluster:
        if granted.groups:
            found.append(missing("Describe", "cluster", (), "the names of groups that are not granted one by one"))
        else:
            found.append(missing("Describe", "group", (), "consumer groups, if there are any, and their lag"))
    return found


def _named(kind: str, names: list[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"the {kind}{'' if len(names) == 1 else 's'} {listed}{more}"
