"""Missing, duplicated, or in flight: each from two counts taken in the safe order."""

from __future__ import annotations

from typing import Any

from dashboard.reconciliation import compare
from dashboard.reconciliation.compare import History, Snapshot
from streamgauge.runtime.data_dir.totals import Log, Published


def log(written_ms: int, logged: int, due: int, **more: Any) -> Log:
    known = {"clean": True, "before": {}, "counted_ms": written_ms, **more}
    return Log(
        pid=1,
        began_ms=0,
        since_ms=0,
        written_ms=written_ms,
        logged={"orders": logged},
        processed={"orders": due},
        due={"orders": due},
        **known,
    )


def snapshot(requested_ms: int, events: int) -> Snapshot:
    return Snapshot(requested_ms, requested_ms + 50, {"orders": events}, {"orders": 2})


def compare_orders(*samples: tuple[Log, Snapshot]) -> compare.StreamComparison:
    record = History()
    for counted, shown in samples:
        record.add(counted, [], shown)
    (only,) = compare.against_log(record)
    return only


def test_all_events_are_visible() -> None:
    comparison = compare_orders(
        (log(1_000, 100, 100), snapshot(2_000, 100)), (log(3_000, 100, 100), snapshot(4_000, 100))
    )
    assert (
        comparison.produced,
        comparison.visible,
        comparison.in_flight,
        comparison.missing,
        comparison.duplicated,
    ) == (100, 100, 0, 0, 0)
    assert comparison.exact


def test_unprocessed_events_are_in_flight_however_long_it_takes() -> None:
    samples = [(log(at, 100 + at, 100), snapshot(at + 500, 100)) for at in range(1_000, 60_000, 1_000)]
    comparison = compare_orders(*samples)
    assert comparison.missing == comparison.duplicated == 0
    assert comparison.in_flight == 59_000


def test_due_events_that_are_not_visible_are_missing() -> None:
    comparison = compare_orders((log(1_000, 100, 90), snapshot(2_000, 88)), (log(3_000, 100, 90), snapshot(4_000, 88)))
    assert (comparison.missing, comparison.in_flight) == (2, 10)
    assert not comparison.exact


def test_events_due_after_the_query_are_not_missing() -> None:
    assert (
        compare_orders((log(1_000, 100, 80), snapshot(2_000, 80)), (log(2_500, 100, 100), snapshot(2_000, 80))).missing
        == 0
    )


def test_events_beyond_the_log_are_duplicates() -> None:
    assert (
        compare_orders(
            (log(1_000, 100, 100), snapshot(2_000, 103)), (log(3_000, 100, 100), snapshot(4_000, 103))
        ).duplicated
        == 3
    )


def test_events_visible_before_the_log_was_counted_are_no_duplicates() -> None:
    # The count of the log is a second behind: duplicates are known once it has been counted beyond the snapshot.
    first, behind = log(1_000, 100, 100), log(3_000, 100, 100, counted_ms=1_500)
    assert compare_orders((first, snapshot(2_000, 103)), (behind, snapshot(4_000, 104))).duplicated is None
    assert compare_orders((first, snapshot(2_000, 103)), (log(3_000, 105, 105), snapshot(4_000, 105))).duplicated == 0


def test_events_of_earlier_runs_are_excluded() -> None:
    comparison = compare_orders(
        (log(1_000, 100, 100, before={"orders": 40}), snapshot(2_000, 140)),
        (log(3_000, 100, 100, before={"orders": 40}), snapshot(4_000, 140)),
    )
    assert (comparison.visible, comparison.missing, comparison.duplicated) == (100, 0, 0)


def test_with_events_in_flight_at_the_start_duplicates_are_unknown() -> None:
    samples = [(log(at, 100, 100, clean=False), snapshot(at + 500, 103)) for at in (1_000, 2_000)]
    assert compare_orders(*samples).duplicated is None


def test_another_run_of_up_starts_a_new_count() -> None:
    record = History()
    record.add(log(1_000, 100, 100), [], snapshot(2_000, 100))
    fresh = Log(
        2, 5_000, 0, 5_500, 5_000, clean=True, before={"orders": 100}, logged={"orders": 0}, processed={}, due={}
    )
    record.add(fresh, [], snapshot(6_000, 100))
    assert compare.against_log(record) == []


def published(written_ms: int, orders: int) -> Published:
    return Published("generate", 7, 0, written_ms, complete=True, streams={"orders": orders})


def test_without_a_log_count_events_are_missing_only_at_lag_zero() -> None:
    record = History()
    record.add(None, [published(1_000, 100)], snapshot(20_000, 97))
    (unknown,) = compare.against_producers(record, {"orders": None}, (50, 50))
    assert (unknown.missing, unknown.duplicated) == (None, 0)
    (waits,) = compare.against_producers(record, {"orders": 3}, (50, 50))
    assert waits.missing is None
    (lost,) = compare.against_producers(record, {"orders": 0}, (50, 49))
    assert (lost.missing, lost.duplicated) == (3, 1)


def test_without_a_log_count_new_events_are_in_flight() -> None:
    record = History()
    record.add(None, [published(15_000, 100)], snapshot(20_000, 90))
    (new,) = compare.against_producers(record, {"orders": 0}, (50, 50))
    assert (new.missing, new.in_flight) == (0, 10)


def test_the_total_of_all_streams() -> None:
    record = History()
    record.add(log(1_000, 100, 100), [published(900, 60)], snapshot(2_000, 99))
    whole = compare.total(compare.against_log(record))
    assert (whole.by_producers, whole.missing, whole.duplicated) == (60, 1, None)
    assert compare.total([]).missing is None
