"""Health as a judgement of facts, and run files that outlived their process."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from streamgauge.cli.status import screen
from streamgauge.cli.status.facts import Facts, LostRange, StreamState, problems
from streamgauge.runtime import health
from streamgauge.runtime.health import ProcessHealth

WELL = Facts(
    "broker:9092",
    processes=(ProcessHealth("analytics", 1, "h:9102"), ProcessHealth("warehouse", 2, "h:9103")),
    broker="Apache Kafka 4.1.1, 1 broker",
    replicas=1,
    analytics_waiting=0,
    warehouse_waiting=0,
    streams=(StreamState("orders", 10, 0, 0.4), StreamState("payments", 5, 0, 600.0)),
)
OLD = (StreamState("orders", 10, 0, 600.0),)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(WELL, [], id="well"),
        pytest.param(replace(WELL, processes=()), [], id="everything-elsewhere"),
        pytest.param(replace(WELL, streams=OLD), [], id="no-traffic-is-well"),
        pytest.param(replace(WELL, streams=()), [], id="no-events-yet-is-well"),
        pytest.param(replace(WELL, analytics_waiting=900), [], id="waiting-but-moving"),
        pytest.param(replace(WELL, replicas=None, analytics_waiting=None), [], id="unknown-is-not-bad"),
        pytest.param(replace(WELL, notice="Tansu: in memory"), [], id="stand-in-is-shown-and-no-problem"),
        pytest.param(
            replace(WELL, streams=(StreamState("orders", 10, 3, 0.4),)), [], id="dead-letters-are-shown-not-judged"
        ),
        pytest.param(
            replace(WELL, streams=OLD, analytics_waiting=1_200),
            ["1,200 messages wait, and nothing new became visible for 10 s"],
            id="stands",
        ),
        pytest.param(
            replace(WELL, streams=(), warehouse_waiting=3),
            ["3 messages wait, and nothing new became visible for 10 s"],
            id="stands-from-the-start",
        ),
        pytest.param(
            replace(WELL, lost=(LostRange("shipments", 1, 50, 109, True), LostRange("orders", 0, 1, 2, False))),
            [
                "shipments[1]: offsets 50 to 109 were deleted before analytics read them; the figures lack up to 60 "
                "events"
            ],
            id="lost-within-the-day",
        ),
        pytest.param(
            replace(WELL, lost=[LostRange("orders", n, 0, 9, True) for n in range(8)]),
            [
                *(
                    f"orders[{n}]: offsets 0 to 9 were deleted before analytics read them; the figures lack up to 10 "
                    "events"
                    for n in range(5)
                ),
                "3 more ranges were deleted unread: see the table lost_events",
            ],
            id="lost-in-many-places",
        ),
        pytest.param(
            replace(WELL, processes=(ProcessHealth("analytics", 7, "h:9102", why="no broker"),)),
            ["analytics (process 7): no broker"],
            id="unready",
        ),
        pytest.param(
            replace(WELL, processes=(ProcessHealth("analytics", 7, "h:9102", problems=("orders waits", "losses")),)),
            ["analytics (process 7): orders waits", "analytics (process 7): losses"],
            id="degraded",
        ),
        pytest.param(
            replace(WELL, broker=None, broker_why="connection refused", replicas=None),
            ["connection refused"],
            id="broker-away",
        ),
        pytest.param(
            replace(WELL, missing_topics=("orders", "analytics")),
            ["topics are missing: orders, analytics; create them with `streamgauge topics`"],
            id="topics-missing",
        ),
        pytest.param(
            replace(WELL, streams=None, warehouse_why="no answer", analytics_waiting=5),
            ["no answer"],
            id="warehouse-away",
        ),
        pytest.param(
            replace(WELL, replicas=0),
            ["no analytics replica runs; start one with `streamgauge process analytics`"],
            id="no-replica",
        ),
    ],
)
def test_problems(facts: Facts, expected: list[str]) -> None:
    assert problems(facts) == expected


def test_nothing_runs() -> None:
    assert Facts("broker:9092").nothing
    assert not replace(Facts("broker:9092"), broker="Kafka, 1 broker").nothing


def test_the_screen_shows_it_all(capsys: pytest.CaptureFixture[str]) -> None:
    facts = replace(WELL, notice="Tansu: in memory [without] exactly-once", analytics_waiting=1_234)
    screen.show(facts, ["analytics: [odd] reason"])
    shown = capsys.readouterr().out
    for part in ("1,234 events waiting", "0.4 s ago", "10 min ago", "stand-in: Tansu: in memory [without]", "[odd]"):
        assert part in shown
    assert "all is well" not in shown


@pytest.mark.parametrize(
    ("catalog", "how"),
    [
        ("streamgauge.catalog.commerce", "`streamgauge generate`"),
        ("sensors", "no events yet: produce to the topics of sensors"),
    ],
)
def test_without_events_the_next_step_is_shown(capsys: pytest.CaptureFixture[str], catalog: str, how: str) -> None:
    screen.show(replace(WELL, streams=(), catalog=catalog), [])
    assert how in capsys.readouterr().out


def run_file(data_dir: Path, pid: int) -> Path:
    path = data_dir / "run" / f"analytics-{pid}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = {"process": "analytics", "__meta_pid": str(pid)}
    path.write_text(json.dumps([{"targets": ["127.0.0.1:1"], "labels": labels}]))
    return path


def find(data_dir: Path) -> list[ProcessHealth]:
    return health.read_all(data_dir)


def test_a_run_file_of_a_dead_process_goes(tmp_path: Path) -> None:
    gone = run_file(tmp_path, 2**22 + 1)
    assert find(tmp_path) == []
    assert not gone.exists()


def test_a_process_number_used_again_is_another_process(tmp_path: Path) -> None:
    path = run_file(tmp_path, os.getpid())
    os.utime(path, (1_000_000, 1_000_000))  # written long before this process began
    assert find(tmp_path) == []
    assert not path.exists()


def test_one_that_does_not_answer_is_shown(tmp_path: Path) -> None:
    run_file(tmp_path, os.getpid())
    (found,) = find(tmp_path)
    assert (found.name, found.ready, found.why) == ("analytics", False, "does not answer on port 1")


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = run_file(tmp_path, os.getpid())
    path.write_text("{")
    (tmp_path / "run" / "broker.json").write_text("{}")
    assert find(tmp_path) == []
    assert path.exists()
