"""Missing, counted twice, or on its way: each claim of two figures in the safe order."""

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


def seen(requested_ms: int, events: int) -> Snapshot:
    return Snapshot(requested_ms, requested_ms + 50, {"orders": events}, {"orders": 2})


def line(*looks: tuple[Log, Snapshot]) -> compare.StreamComparison:
    record = History()
    for counted, shown in looks:
        record.add(counted, [], shown)
    (only,) = compare.against_log(record)
    return only


def test_all_is_visible() -> None:
    found = line((log(1_000, 100, 100), seen(2_000, 100)), (log(3_000, 100, 100), seen(4_000, 100)))
    assert (found.produced, found.visible, found.in_flight, found.missing, found.duplicated) == (100, 100, 0, 0, 0)
    assert found.exact


def test_what_waits_is_on_its_way_however_long_it_takes() -> None:
    looks = [(log(at, 100 + at, 100), seen(at + 500, 100)) for at in range(1_000, 60_000, 1_000)]
    found = line(*looks)
    assert found.missing == found.duplicated == 0
    assert found.in_flight == 59_000


def test_what_is_due_and_not_visible_is_missing() -> None:
    found = line((log(1_000, 100, 90), seen(2_000, 88)), (log(3_000, 100, 90), seen(4_000, 88)))
    assert (found.missing, found.in_flight) == (2, 10)
    assert not found.exact


def test_what_became_due_after_sql_was_asked_is_not_missing() -> None:
    assert line((log(1_000, 100, 80), seen(2_000, 80)), (log(2_500, 100, 100), seen(2_000, 80))).missing == 0


def test_more_than_the_log_has_is_counted_twice() -> None:
    assert line((log(1_000, 100, 100), seen(2_000, 103)), (log(3_000, 100, 100), seen(4_000, 103))).duplicated == 3


def test_what_sql_shows_before_the_log_is_counted_is_not_counted_twice() -> None:
    # The count of the log is a second behind: only what it says once it was read beyond that moment tells.
    first, behind = log(1_000, 100, 100), log(3_000, 100, 100, counted_ms=1_500)
    assert line((first, seen(2_000, 103)), (behind, seen(4_000, 104))).duplicated is None
    assert line((first, seen(2_000, 103)), (log(3_000, 105, 105), seen(4_000, 105))).duplicated == 0


def test_earlier_runs_do_not_count() -> None:
    found = line(
        (log(1_000, 100, 100, before={"orders": 40}), seen(2_000, 140)),
        (log(3_000, 100, 100, before={"orders": 40}), seen(4_000, 140)),
    )
    assert (found.visible, found.missing, found.duplicated) == (100, 0, 0)


def test_where_something_was_on_its_way_at_the_start_totals_cannot_tell_doubles() -> None:
    looks = [(log(at, 100, 100, clean=False), seen(at + 500, 103)) for at in (1_000, 2_000)]
    assert line(*looks).duplicated is None


def test_another_up_is_another_count() -> None:
    record = History()
    record.add(log(1_000, 100, 100), [], seen(2_000, 100))
    fresh = Log(
        2, 5_000, 0, 5_500, 5_000, clean=True, before={"orders": 100}, logged={"orders": 0}, processed={}, due={}
    )
    record.add(fresh, [], seen(6_000, 100))
    assert compare.against_log(record) == []


def published(written_ms: int, orders: int) -> Published:
    return Published("generate", 7, 0, written_ms, complete=True, streams={"orders": orders})


def test_without_a_count_of_the_log_only_what_waits_nowhere_is_missing() -> None:
    record = History()
    record.add(None, [published(1_000, 100)], seen(20_000, 97))
    (unknown,) = compare.against_producers(record, {"orders": None}, (50, 50))
    assert (unknown.missing, unknown.duplicated) == (None, 0)
    (waits,) = compare.against_producers(record, {"orders": 3}, (50, 50))
    assert waits.missing is None
    (lost,) = compare.against_producers(record, {"orders": 0}, (50, 49))
    assert (lost.missing, lost.duplicated) == (3, 1)


def test_without_a_count_of_the_log_what_is_new_is_on_its_way() -> None:
    record = History()
    record.add(None, [published(15_000, 100)], seen(20_000, 90))
    (new,) = compare.against_producers(record, {"orders": 0}, (50, 50))
    assert (new.missing, new.in_flight) == (0, 10)


def test_all_streams_together() -> None:
    record = History()
    record.add(log(1_000, 100, 100), [published(900, 60)], seen(2_000, 99))
    whole = compare.total(compare.against_log(record))
    assert (whole.by_producers, whole.missing, whole.duplicated) == (60, 1, None)
    assert compare.total([]).missing is None
