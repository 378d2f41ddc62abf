"""Which consumer is behind, since when, by how much time, how many events and how much money, and does it recover."""

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
_EVENTS = f"kafka_consumergroup_lag_sum{_GT}"
_MONEY = f"streamgauge_consumergroup_waiting_cents{_GT} / 100"
_CATCH_UP = f"streamgauge_consumergroup_catch_up_seconds{_GT}"
_CONSUMED = f"consumergroup_topic:streamgauge_consumergroup_consumed_per_second:sum{_GT}"

GLANCE = Row(
    "At a glance",
    (
        stat_of(
            "Groups behind",
            "Pairs of group and topic more than a minute behind.",
            "short",
            f"count({_SECONDS} > {limits.LAG_WARNING_S}) or vector(0)",
            (1,),
        ),
        stat_of(
            "Worst lag",
            "The oldest event that waits for any of them.",
            "s",
            f"max({_SECONDS})",
            (limits.LAG_WARNING_S, limits.LAG_CRITICAL_S),
        ),
        stat_of(
            "Events waiting", "Events between what is committed and the ends of the logs.", "short", f"sum({_EVENTS})"
        ),
        stat_of(
            "Most money waiting",
            "Amounts of the events that wait behind one group and topic, the one where it is most.",
            "currencyEUR",
            f"max({_MONEY})",
            (limits.MONEY_WAITING_CENTS // 100,),
            decimals=0,
            runbook="money-waiting",
        ),
        stat_of(
            "Partitions that stand",
            "Partitions that Burrow's rules call STALL or STOP: somebody should read them and does not.",
            "short",
            f"count(kafka_consumergroup_status{_GT} >= {lag_status.VALUES['STALL']}) or vector(0)",
            (1,),
            runbook="consumer-stalled",
        ),
        stat_of(
            "Retention used",
            "Share of the retained log that has not been read, where it is worst. At 100 % the next event to be read "
            "is the next to be deleted.",
            "percentunit",
            f"max({_RETENTION})",
            (0.5, limits.RETENTION_AT_RISK),
            decimals=0,
            runbook="retention-risk",
        ),
    ),
)
WHO = Row(
    "Who is behind, by how much",
    (
        table_of(
            "Groups and topics",
            "One row a group and topic, the oldest lag first. An empty cell is a number that is not known (yet): the "
            "catch-up time of a lag that does not shrink, the money of a stream without amounts.",
            (
                Query(f"max by (consumergroup, topic) ({_STATUS})", "Status"),
                Query(f"max by (consumergroup, topic) ({_SECONDS})", "Behind"),
                Query(f"sum by (consumergroup, topic) ({_EVENTS})", "Events"),
                Query(f"sum by (consumergroup, topic) (streamgauge_consumergroup_waiting_keys{_GT})", "Keys"),
                Query(f"sum by (consumergroup, topic) ({_MONEY})", "Money"),
                Query(f"max by (consumergroup, topic) ({_CATCH_UP})", "Caught up in"),
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
COURSE = Row(
    "Since when, and does it recover",
    (
        series_of(
            "Lag in time",
            "Age of the oldest event that the group still has to read, over all partitions of the topic.",
            "s",
            Query(_SECONDS, _BY),
            span=12,
            levels=(limits.LAG_WARNING_S, limits.LAG_CRITICAL_S),
            runbook="consumer-lag",
        ),
        series_of(
            "Lag in events",
            "Events that the group still has to read. Transaction markers count: an idle exactly-once consumer may "
            "show 1 a partition.",
            "short",
            Query(_EVENTS, _BY),
            span=12,
            runbook="lag-not-recovering",
        ),
        series_of(
            "In and out",
            "Events a second that are published (dashed) and that each group commits. A group recovers while its line "
            "is above the dashed one.",
            "eps",
            Query(f"topic:streamgauge_topic_produced_per_second:sum{_T}", "{{topic}} published"),
            Query(_CONSUMED, _BY),
            dashed=".* published",
        ),
        series_of(
            "Caught up in",
            "Until the lag is 0 at today's rates. No line: the lag does not shrink, or there is none.",
            "s",
            Query(_CATCH_UP, _BY),
        ),
        series_of(
            "Money waiting",
            "Amounts of the events that wait, for streams that have one.",
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
            "The worst of the topic's partitions, by Burrow's rules over a window of commits. A gap is UNKNOWN: too "
            "few samples yet.",
            "none",
            (Query(_STATUS, _BY),),
            span=12,
            runbook="consumer-stalled",
        ),
        series_of(
            "Retention used",
            "Share of the retained log not read yet, worst partition. Towards 100 % events are deleted unread.",
            "percentunit",
            Query(_RETENTION, _BY),
            span=12,
            levels=(0.5, limits.RETENTION_AT_RISK),
            runbook="retention-risk",
        ),
    ),
)
PARTITIONS = Row(
    "Partitions, members, topics",
    (
        series_of(
            "Partitions that wait most",
            "The ten partitions with the most events to read.",
            "short",
            Query(f"topk(10, kafka_consumergroup_lag{_GT} > 0)", f"{_BY} {{{{partition}}}}"),
        ),
        series_of(
            "Uneven topics",
            "Events in of the busiest partition over the mean of all; 1 is even. At the number of "
            "partitions, one gets all.",
            "none",
            Query(f"streamgauge_topic_skew_ratio{_T}", "{{topic}}"),
            decimals=1,
        ),
        series_of(
            "Members",
            "Members of each group. More members than partitions: some have nothing to do.",
            "short",
            Query(f"kafka_consumergroup_members{_G}", "{{consumergroup}}"),
        ),
        table_of(
            "Groups without members",
            "Groups that nobody consumes for, though events wait for them.",
            (Query(f"streamgauge_consumergroup_inactive_behind_events{_G}", "Events waiting"),),
            {"consumergroup": Column(), "Events waiting": Column("short", width=130)},
            height=6,
            hidden=("instance", "process"),
            no_value="none",
            runbook="group-inactive-behind",
        ),
        table_of(
            "Topics that nobody reads",
            "Topics with events and without a group that has committed anything.",
            (Query(f"streamgauge_topic_unread{_T} > 0", "Unread"),),
            {"topic": Column(), "Unread": Column("bool_yes_no", width=90)},
            height=6,
            hidden=("instance", "process"),
            no_value="none",
        ),
        table_of(
            "Samples that failed",
            "Parts of the cluster whose lag could not be read at the last sample: their figures are absent, not 0.",
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
    "Which consumer is behind, since when, by how much time, events and money, and whether it recovers.",
    "pipeline",
    (GROUP, TOPIC),
    (GLANCE, WHO, COURSE, STATUS, PARTITIONS),
)
