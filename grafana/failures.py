"""What fails and why: dead letters by stream and reason, kinds not seen before, aborted transactions, refused SQL."""

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
# What is there now and was not when the range began counts from 0: increase() alone would miss a first dead letter.
_NEW = f"(increase({_KINDS}[$__range]) > 0 or ({_KINDS} unless {_KINDS} offset $__range))"

GLANCE = Row(
    "At a glance",
    (
        stat_of(
            "Dead letters",
            "Events dead-lettered in the time that is shown.",
            "short",
            f"sum(increase({_DEAD}[$__range])) or vector(0)",
            decimals=0,
            instant=True,
        ),
        stat_of(
            "Share that fails",
            "Dead letters over events, now.",
            "percentunit",
            f"(sum(rate({_DEAD}[$__rate_interval])) or vector(0)) / sum(rate({_IN}[$__rate_interval]))",
            (limits.FAILING_SHARE, 0.05),
            decimals=2,
            runbook="dead-letter-rate",
        ),
        stat_of(
            "New kinds",
            "Kinds of failure, by fingerprint, that came up for the first time ever in the time that is shown.",
            "short",
            f"sum({_NEW}) or vector(0)",
            (1,),
            decimals=0,
            instant=True,
            runbook="new-failure-kind",
        ),
        stat_of(
            "Streams that fail",
            "Streams with dead letters in the last five minutes.",
            "short",
            f"count(sum by (stream) (increase({_DEAD}[5m])) > 0) or vector(0)",
            (1,),
        ),
        stat_of(
            "Aborted transactions",
            "Kafka transactions aborted in the time that is shown. What they held was read again; nothing is lost.",
            "short",
            f"sum(increase({_ABORTED}[$__range]))",
            decimals=0,
            instant=True,
            runbook="transaction-aborts",
        ),
        stat_of(
            "Refused SQL",
            "Statements that the SQL guard refused in the time that is shown.",
            "short",
            "sum(increase(streamgauge_sql_refusals_total[$__range])) or vector(0)",
            decimals=0,
            instant=True,
        ),
    ),
)
CAUSES = Row(
    "What fails, and why",
    (
        series_of(
            "Share that fails, by stream",
            "Dead letters over events of the stream. The line is where the alert begins.",
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
            "Dead letters a second, by what is wrong with them.",
            "cps",
            (Query(f"sum by (reason) (rate({_DEAD}[$__rate_interval]))", "{{reason}}"),),
            span=12,
            runbook="dead-letter-rate",
        ),
        table_of(
            "Stream and reason",
            "Dead letters in the time that is shown. To see and mend them: streamgauge dead-letters, or the link at "
            "the top.",
            (Query(f"sum by (stream, reason) (increase({_DEAD}[$__range]))", "Dead letters"),),
            {"stream": Column(), "reason": Column(), "Dead letters": Column("short", width=130)},
            span=12,
            sort_by="Dead letters",
            no_value="none",
        ),
        series_of(
            "New kinds of failure",
            "Fingerprints that no dead letter had before, in the last fifteen minutes: often the first sign of a bad "
            "release of a producer.",
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
    "Beside the dead letters",
    (
        series_of(
            "Aborted transactions",
            "Kafka transactions aborted in the last ten minutes. One or two come with a restart or a rebalance.",
            "short",
            Query(f"sum by (process) (increase({_ABORTED}[10m]))", "{{process}}"),
            levels=(3,),
            runbook="transaction-aborts",
        ),
        series_of(
            "Neighbours of bad events",
            "Events a second that were judged one by one because a bad one was in their chunk: slower, never wrong.",
            "eps",
            Query(f"sum by (stream) (rate({_SLOW}[$__rate_interval]))", "{{stream}}"),
        ),
        series_of(
            "Late events",
            "Events a second that are older than the newest of their partition by more than one window. They are "
            "counted in their own window.",
            "eps",
            Query(f"sum by (stream) (rate({_LATE}[$__rate_interval]))", "{{stream}}"),
        ),
    ),
)
FAILURES = Board(
    places.FAILURES,
    "Streamgauge / Failures and dead letters",
    "What fails, why, since when, and is it a kind of failure that was not there before.",
    "dead-letters",
    (STREAM,),
    (GLANCE, CAUSES, BESIDE),
)
