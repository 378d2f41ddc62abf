"""Dashboard of failures: dead letters by stream and reason, new kinds, aborted transactions, refused SQL."""

from __future__ import annotations

from grafana import places
from grafana.board import STREAM, Board, Row
from grafana.panels import Column, Query, Spec, series_of, stat_of, table_of
from streamgauge.domain import limits

_S = '{stream=~"$stream"}'
_DEAD = f"streamgauge_dead_letters_total{_S}"
_IN = f"streamgauge_events_in_total{_S}"
_KINDS = f"streamgauge_dead_letter_fingerprints_total{_S}"
_ABORTED = "streamgauge_transactions_aborted_total"
_SLOW = f"streamgauge_slow_path_events_total{_S}"
_LATE = f"streamgauge_late_events_total{_S}"
_MISPLACED = "streamgauge_service_misplaced_events_total"
# A series that is new in the range counts from 0; increase() alone would miss its first dead letter.
_NEW = f"(increase({_KINDS}[$__range]) > 0 or ({_KINDS} unless {_KINDS} offset $__range))"

GLANCE = Row(
    "At a glance",
    (
        stat_of(
            "Dead letters",
            "Events dead-lettered in the range.",
            "short",
            f"sum(increase({_DEAD}[$__range])) or vector(0)",
            decimals=0,
            instant=True,
        ),
        stat_of(
            "Failure rate",
            "Dead letters / events, now.",
            "percentunit",
            f"(sum(rate({_DEAD}[$__rate_interval])) or vector(0)) / sum(rate({_IN}[$__rate_interval]))",
            (limits.FAILING_SHARE, 0.05),
            decimals=2,
            runbook="dead-letter-rate",
        ),
        stat_of(
            "New kinds",
            "Kinds of failure, by fingerprint, that appeared for the first time in the range.",
            "short",
            f"sum({_NEW}) or vector(0)",
            (1,),
            decimals=0,
            instant=True,
            runbook="new-failure-kind",
        ),
        stat_of(
            "Failing streams",
            "Streams with dead letters in the last five minutes.",
            "short",
            f"count(sum by (stream) (increase({_DEAD}[5m])) > 0) or vector(0)",
            (1,),
        ),
        stat_of(
            "Aborted transactions",
            "Kafka transactions aborted in the range. Their input was read again; nothing is lost.",
            "short",
            f"sum(increase({_ABORTED}[$__range]))",
            decimals=0,
            instant=True,
            runbook="transaction-aborts",
        ),
        stat_of(
            "Refused SQL",
            "Statements that the SQL guard refused in the range.",
            "short",
            "sum(increase(streamgauge_sql_refusals_total[$__range])) or vector(0)",
            decimals=0,
            instant=True,
        ),
    ),
)
CAUSES = Row(
    "Causes",
    (
        series_of(
            "Failure rate by stream",
            "Dead letters / events, by stream. The line is the limit of the alert.",
            "percentunit",
            Query(
                f"sum by (stream) (rate({_DEAD}[$__rate_interval])) / sum by (stream) (rate({_IN}[$__rate_interval]))",
                "{{stream}}",
            ),
            span=12,
            levels=(limits.FAILING_SHARE,),
            runbook="dead-letter-rate",
        ),
        Spec(
            "stacked",
            "Dead letters by reason",
            "Dead letters per second, by reason.",
            "cps",
            (Query(f"sum by (reason) (rate({_DEAD}[$__rate_interval]))", "{{reason}}"),),
            span=12,
            runbook="dead-letter-rate",
        ),
        table_of(
            "Stream and reason",
            "Dead letters in the range. To inspect and retry them: streamgauge dead-letters, or the link at the top.",
            (Query(f"sum by (stream, reason) (increase({_DEAD}[$__range]))", "Dead letters"),),
            {"stream": Column(), "reason": Column(), "Dead letters": Column("short", width=130)},
            span=12,
            sort_by="Dead letters",
            no_value="none",
        ),
        series_of(
            "New kinds of failure",
            "New fingerprints of dead letters in the last fifteen minutes: often the first sign of a bad release of a "
            "producer.",
            "short",
            Query(
                f"sum by (stream, reason) (increase({_KINDS}[15m]) > 0 or ({_KINDS} unless {_KINDS} offset 15m))",
                "{{stream}} {{reason}}",
            ),
            span=12,
            runbook="new-failure-kind",
        ),
    ),
)
BESIDE = Row(
    "Related figures",
    (
        series_of(
            "Streams set aside",
            "1 while analytics has set a stream aside, with the cause. Its events wait; the other streams go on.",
            "short",
            Query("max by (stream, cause) (streamgauge_stream_set_aside)", "{{stream}}: {{cause}}"),
            span=24,
            levels=(1,),
            runbook="stream-set-aside",
        ),
        series_of(
            "Aborted transactions",
            "Kafka transactions aborted in the last ten minutes. One or two come with a restart or a rebalance.",
            "short",
            Query(f"sum by (process) (increase({_ABORTED}[10m]))", "{{process}}"),
            levels=(3,),
            runbook="transaction-aborts",
        ),
        series_of(
            "Slow-path events",
            "Events per second decoded one by one because their chunk has an invalid event: slower, equal results.",
            "eps",
            Query(f"sum by (stream) (rate({_SLOW}[$__rate_interval]))", "{{stream}}"),
        ),
        series_of(
            "Late events",
            "Events per second that are more than one window older than the newest of their partition. They count in "
            "their own window.",
            "eps",
            Query(f"sum by (stream) (rate({_LATE}[$__rate_interval]))", "{{stream}}"),
        ),
        series_of(
            "Misplaced events",
            "Events in the last ten minutes in another partition than murmur2 gives their key, so that a join by key "
            "misses them.",
            "short",
            Query(
                f"sum by (topic, producer, partitioner) (increase({_MISPLACED}[10m]) > 0"
                f" or ({_MISPLACED} unless {_MISPLACED} offset 10m))",
                "{{topic}} from {{producer}} ({{partitioner}})",
            ),
            span=24,
            height=6,
            runbook="keys-misplaced",
        ),
    ),
)
FAILURES = Board(
    places.FAILURES,
    "Streamgauge / Failures and dead letters",
    "What fails, why, since when, and whether it is a new kind of failure.",
    "dead-letters",
    (STREAM,),
    (GLANCE, CAUSES, BESIDE),
)
