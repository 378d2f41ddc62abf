"""Dashboard of consumer lag: which group is behind, since when, by how much, and whether it recovers."""

from __future__ import annotations

from grafana import places
from grafana.board import GROUP, TOPIC, Board, Row
from grafana.panels import Column, Query, Spec, series_of, stat_of, table_of
from streamgauge.domain import lag_status, limits

_GT = '{consumergroup=~"$group",topic=~"$topic"}'
_G = '{consumergroup=~"$group"}'
_T = '{topic=~"$topic"}'
_BY = "{{consumergroup}} {{topic}}"
_SECONDS = f"consumergroup_topic:kafka_consumergroup_lag_seconds:max{_GT}"
_STATUS = f"consumergroup_topic:kafka_consumergroup_status:max{_GT}"
_RETENTION = f"consumergroup_topic:streamgauge_consumergroup_retention_used_ratio:max{_GT}"
_EVENTS = f"streamgauge_consumergroup_lag_least_events{_GT}"
_UNKNOWN = f"streamgauge_consumergroup_lag_unknown_events{_GT}"
_LOST = f"sum by (consumergroup, topic) (increase(streamgauge_consumergroup_lost_events_total{_GT}[$__range]))"
_MONEY = f"streamgauge_consumergroup_waiting_cents{_GT} / 100"
_CATCH_UP = f"streamgauge_consumergroup_catch_up_seconds{_GT}"
_CONSUMED = f"consumergroup_topic:streamgauge_consumergroup_consumed_per_second:sum{_GT}"

GLANCE = Row(
    "At a glance",
    (
        stat_of(
            "Groups behind",
            "Group and topic pairs more than a minute behind.",
            "short",
            f"count({_SECONDS} > {limits.LAG_WARNING_S}) or vector(0)",
            (1,),
        ),
        stat_of(
            "Worst lag",
            "Age of the oldest unread event.",
            "s",
            f"max({_SECONDS})",
            (limits.LAG_WARNING_S, limits.LAG_CRITICAL_S),
        ),
        stat_of(
            "Events waiting",
            "Events left to read; at least, where partitions have no commit.",
            "short",
            f"sum({_EVENTS})",
        ),
        stat_of(
            "Most money waiting",
            "Amount of the unread events, of the group and topic where it is largest.",
            "currencyEUR",
            f"max({_MONEY})",
            (limits.MONEY_WAITING_CENTS // 100,),
            decimals=0,
            runbook="money-waiting",
        ),
        stat_of(
            "Stalled partitions",
            "Partitions with status STALL or STOP by Burrow's rules.",
            "short",
            f"count(kafka_consumergroup_status{_GT} >= {lag_status.VALUES['STALL']}) or vector(0)",
            (1,),
            runbook="consumer-stalled",
        ),
        stat_of(
            "Retention used",
            "Unread share of the retained log, the largest. At 100 % the next event to be read is the next to be "
            "deleted.",
            "percentunit",
            f"max({_RETENTION})",
            (0.5, limits.RETENTION_AT_RISK),
            decimals=0,
            runbook="retention-risk",
        ),
    ),
)
BY_GROUP = Row(
    "Lag by group and topic",
    (
        table_of(
            "Groups and topics",
            "One row per group and topic, the largest lag first. An empty cell is an unknown value: the time to catch "
            "up of a lag that does not decrease, the money of a stream without amounts. “Not known”: events in "
            "partitions without a commit, of which none or all wait. “Lost”: deleted unread in the range.",
            (
                Query(f"max by (consumergroup, topic) ({_STATUS})", "Status"),
                Query(f"max by (consumergroup, topic) ({_SECONDS})", "Behind"),
                Query(f"sum by (consumergroup, topic) ({_EVENTS})", "Events"),
                Query(f"sum by (consumergroup, topic) ({_UNKNOWN}) > 0", "Not known"),
                Query(f"{_LOST} > 0", "Lost"),
                Query(f"sum by (consumergroup, topic) (streamgauge_consumergroup_waiting_keys{_GT})", "Keys"),
                Query(f"sum by (consumergroup, topic) ({_MONEY})", "Money"),
                Query(f"max by (consumergroup, topic) ({_CATCH_UP})", "Time to catch up"),
                Query(f"max by (consumergroup, topic) ({_RETENTION})", "Retention"),
                Query(
                    f"sum by (consumergroup, topic) (streamgauge_consumergroup_unassigned_partitions{_GT})",
                    "Unassigned",
                ),
            ),
            {
                "consumergroup": Column(),
                "topic": Column(),
                "Status": Column(status=True, width=100),
                "Behind": Column("s", (limits.LAG_WARNING_S, limits.LAG_CRITICAL_S), width=110),
                "Events": Column("short", width=110),
                "Not known": Column("short", (1,), width=110),
                "Lost": Column("short", (1,), width=110),
                "Keys": Column("short", width=110),
                "Money": Column("currencyEUR", width=120),
                "Caught up in": Column("s", width=120),
                "Retention": Column("percentunit", (0.5, limits.RETENTION_AT_RISK), width=110),
                "Unassigned": Column("short", width=110),
            },
            span=24,
            sort_by="Behind",
            runbook="consumer-lag",
        ),
    ),
)
TREND = Row(
    "Trend",
    (
        series_of(
            "Lag in time",
            "Age of the oldest unread event in any partition of the topic.",
            "s",
            Query(_SECONDS, _BY),
            span=12,
            levels=(limits.LAG_WARNING_S, limits.LAG_CRITICAL_S),
            runbook="consumer-lag",
        ),
        series_of(
            "Lag in events",
            "Unread events; at least, where partitions have no commit. Transaction markers count: an idle "
            "exactly-once consumer may show 1 per partition.",
            "short",
            Query(_EVENTS, _BY),
            span=12,
            runbook="lag-not-recovering",
        ),
        series_of(
            "In and out",
            "Events per second published (dashed) and committed by each group. A group recovers while its line is "
            "above the dashed one.",
            "eps",
            Query(f"topic:streamgauge_topic_produced_per_second:sum{_T}", "{{topic}} published"),
            Query(_CONSUMED, _BY),
            dashed=".* published",
        ),
        series_of(
            "Time to catch up",
            "Time until the lag is 0 at current rates. No line: there is no lag, or it does not decrease.",
            "s",
            Query(_CATCH_UP, _BY),
        ),
        series_of(
            "Money waiting",
            "Amount of the unread events, for streams with an amount.",
            "currencyEUR",
            Query(_MONEY, _BY),
            runbook="money-waiting",
        ),
    ),
)
STATUS = Row(
    "Status and retention",
    (
        Spec(
            "states",
            "Status by group and topic",
            "The worst status of the topic's partitions, by Burrow's rules over a window of commits. A gap is UNKNOWN: "
            "too few samples.",
            "none",
            (Query(_STATUS, _BY),),
            span=12,
            runbook="consumer-stalled",
        ),
        series_of(
            "Retention used",
            "Unread share of the retained log, worst partition. Near 100 % events are deleted unread.",
            "percentunit",
            Query(_RETENTION, _BY),
            span=12,
            levels=(0.5, limits.RETENTION_AT_RISK),
            runbook="retention-risk",
        ),
    ),
)
NOT_WAITING = Row(
    "Unknown, lost, undecided",
    (
        series_of(
            "Never committed",
            "Events in partitions on which the group never committed: none or all of them wait.",
            "short",
            Query(f"{_UNKNOWN} > 0", _BY),
            span=6,
            runbook="never-committed",
        ),
        series_of(
            "Deleted unread",
            "Events that retention deleted before the group read them, in the last hour; not in any lag.",
            "short",
            Query(
                f"sum by (consumergroup, topic) (increase(streamgauge_consumergroup_lost_events_total{_GT}[1h])) > 0",
                _BY,
            ),
            span=6,
            runbook="events-lost",
        ),
        series_of(
            "Input lost",
            "Events that retention deleted before analytics read them, in the last 24 hours: the figures lack them.",
            "short",
            Query("sum by (stream) (streamgauge_view_lost_events_recent_events) > 0", "{{stream}}"),
            span=6,
            runbook="events-lost",
        ),
        series_of(
            "Open transactions",
            "Events of open transactions that the group has reached: it waits for their producer.",
            "short",
            Query(f"sum by (consumergroup, topic) (streamgauge_consumergroup_undecided_events{_GT}) > 0", _BY),
            span=6,
            runbook="transaction-hangs",
        ),
    ),
)
PARTITIONS = Row(
    "Partitions, members, topics",
    (
        series_of(
            "Partitions with the most lag",
            "The ten partitions with the most unread events.",
            "short",
            Query(f"topk(10, kafka_consumergroup_lag{_GT} > 0)", f"{_BY} {{{{partition}}}}"),
        ),
        series_of(
            "Partition skew",
            "Events of the busiest partition / mean of all partitions: 1 is even; at the number of partitions, one "
            "gets all events.",
            "none",
            Query(f"streamgauge_topic_skew_ratio{_T}", "{{topic}}"),
            decimals=1,
        ),
        series_of(
            "Members",
            "Members of each group. With more members than partitions, some are idle.",
            "short",
            Query(f"kafka_consumergroup_members{_G}", "{{consumergroup}}"),
        ),
        table_of(
            "Groups without members",
            "Groups without members, with unread events.",
            (Query(f"streamgauge_consumergroup_inactive_behind_events{_G}", "Events waiting"),),
            {"consumergroup": Column(), "Events waiting": Column("short", width=130)},
            height=6,
            hidden=("instance", "process"),
            no_value="none",
            runbook="group-inactive-behind",
        ),
        table_of(
            "Unread topics",
            "Topics with events, and without a group that has committed offsets.",
            (Query(f"streamgauge_topic_unread{_T} > 0", "Unread"),),
            {"topic": Column(), "Unread": Column("bool_yes_no", width=90)},
            height=6,
            hidden=("instance", "process"),
            no_value="none",
        ),
        table_of(
            "Failed samples",
            "Parts of the cluster whose lag could not be read in the last sample; their values are absent, not 0.",
            (Query("streamgauge_lag_failed > 0", "Failed"),),
            {"kind": Column(width=90), "name": Column(), "Failed": Column("bool_yes_no", width=90)},
            height=6,
            hidden=("instance", "process"),
            no_value="none",
            runbook="lag-unknown",
        ),
    ),
)
CONSUMER_LAG = Board(
    places.LAG,
    "Streamgauge / Consumer lag",
    "Which consumer group is behind, since when, by how much, and whether it recovers.",
    "pipeline",
    (GROUP, TOPIC),
    (GLANCE, BY_GROUP, TREND, STATUS, NOT_WAITING, PARTITIONS),
)
