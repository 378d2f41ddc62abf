"""Figures of the page Pipeline health."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.data.trust_queries import STREAMS
from dashboard.pages.pipeline import queries
from streamgauge.domain import lag_status

BEHIND_GROUPS = Figure(
    "Groups behind",
    "",
    f"Consumer groups whose status is neither OK nor UNKNOWN, of all groups in the newest sample. {lag_status.MEANING}",
    queries.GROUPS,
)
WAITING = Figure(
    "Events waiting",
    "count",
    "Lag of the group with the largest; groups read the same events, so they are not added up.",
    queries.GROUPS,
)
BEHIND = Figure(
    "Behind",
    "s",
    "Age of the next event to be read, of the group that is furthest behind.",
    queries.GROUPS,
)
MONEY_WAITING = Figure(
    "Money waiting",
    "€",
    "Value of the waiting orders and payments, of the group and topic where most waits; “at least” where the raw "
    "tables do not have all of them.",
    queries.GROUPS,
)
LATENCY = Figure(
    "Latency p95",
    "",
    "19 of 20 events of the range were processed within this time of Kafka’s timestamp; estimated from a histogram. "
    "The timestamp is of the producer’s clock, unless the topic has LogAppendTime: a clock that is behind adds to the "
    "latency, one that is ahead counts as 0.",
    queries.LATENCY,
)
GROUPS = Figure(
    "Consumer groups",
    "",
    "The newest sample of each group, worst first. “Caught up in” is at the rates of the newest samples.",
    queries.GROUPS,
)
TREND = Figure(
    "Lag over time",
    "",
    "The worst sample of each bar by consumer group, in seconds, events or money; in bars of 5 min and more, of one "
    "sample a minute.",
    queries.TREND,
)
PARTITIONS = Figure(
    "Partitions of the group",
    "",
    "Each partition that the chosen group reads, worst first. “Unread of log” from 100 % on: the next event to be read "
    "is the next that retention deletes.",
    queries.PARTITIONS,
)
FRESHNESS = Figure(
    "Freshness by stream",
    "",
    "Age of the newest visible event, rate, dead letters, late events, and what waits for analytics. “Reference” is "
    "compacted data, which seldom changes.",
    STREAMS,
)
LOST = Figure(
    "Lost events",
    "",
    "Offsets that retention deleted before analytics read them: no figure has these events. Only shown where there are "
    "any.",
    queries.LOST,
)
LATENCIES = Figure(
    "End-to-end latency",
    "s",
    "Time from Kafka’s timestamp (see Latency p95) to being processed: p50, p95 and p99 of each bar, estimated from a "
    "histogram, at most 60 s.",
    queries.LATENCY,
)
BALANCE = Figure(
    "Partition balance",
    "",
    "Events of the busiest partition over the mean of all, in the range: 1 is even. “Hot” from 1.5 on, with 5 events a "
    "second or more.",
    queries.BALANCE,
)
HOT_KEYS = Figure(
    "Hot keys",
    "",
    "The five keys with most events in the busiest partition, in the last minute.",
    "pipeline.hot_keys.…",
)
PROCESSES = Figure(
    "Processes",
    "",
    "Processes with a run file in the data directory, and what their `/health` reports. In containers there are none.",
    "",
)
RIGHTS = Figure(
    "Rights",
    "",
    "Rights on the cluster that this installation lacks, with what each would add and the command that grants it. "
    "Shown where one is missing, and where the processes share a data directory with the pages.",
    "",
)
