"""FaultPlan on command: what is asked for, when each begins and ends, and the consumer that is held up."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from streamgauge.cli.local import fault_plan
from streamgauge.cli.local.fault_plan import FaultPlan, PlannedFault
from streamgauge.runtime import settings
from streamgauge.runtime.data_dir import faults
from streamgauge.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("asked", "planned"),
    [
        ([], []),
        (["payment-outage"], [PlannedFault("payment-outage", 20.0)]),
        (
            ["poison-burst@5", "slow-consumer@0.5"],
            [PlannedFault("slow-consumer", 0.5), PlannedFault("poison-burst", 5.0)],
        ),
    ],
)
def test_what_is_asked_for(asked: list[str], planned: list[PlannedFault]) -> None:
    assert fault_plan.parse(asked) == planned


@pytest.mark.parametrize("wrong", ["payment-outage@", "payment-outage@soon", "payment-outage@-1", "slow-consumer@nan"])
def test_a_wrong_time_is_said(wrong: str) -> None:
    with pytest.raises(UsageError, match=f"--fault {wrong.partition('@')[0]}@SECONDS"):
        fault_plan.parse([wrong])


def test_a_wrong_name_lists_the_right_ones(tmp_path: Path) -> None:
    for refuse in (lambda: fault_plan.parse(["payment-outrage"]), lambda: faults.begin(tmp_path, "payment-outrage")):
        with pytest.raises(UsageError, match=", ".join(faults.NAMES)):
            refuse()


@pytest.mark.parametrize("seconds", [-1.0, 1e9, float("nan")])
def test_a_wrong_duration_is_said(tmp_path: Path, seconds: float) -> None:
    with pytest.raises(UsageError, match="--for is a number of seconds"):
        faults.begin(tmp_path, faults.POISON_BURST, seconds)


def test_faults_begin_and_end_each_for_itself(tmp_path: Path) -> None:
    faults.begin(tmp_path, faults.POISON_BURST)
    faults.begin(tmp_path, faults.PAYMENT_OUTAGE)
    watch = faults.FaultWatch(tmp_path)
    assert [name for name in faults.NAMES if watch.active(name)] == [faults.PAYMENT_OUTAGE, faults.POISON_BURST]
    faults.begin(tmp_path, faults.POISON_BURST, 0)
    assert not faults.FaultWatch(tmp_path).active(faults.POISON_BURST)
    assert faults.FaultWatch(tmp_path).active(faults.PAYMENT_OUTAGE)
    faults.clear(tmp_path)
    assert not faults.FaultWatch(tmp_path).active(faults.PAYMENT_OUTAGE)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"poison-burst": "soon"}', "null"])
def test_a_file_that_is_none_is_no_fault(tmp_path: Path, content: str) -> None:
    faults.file(tmp_path).write_text(content)
    assert not any(map(faults.FaultWatch(tmp_path).active, faults.NAMES))


class FakeSupervisor:
    """Takes signals for the one process that may be held up."""

    def __init__(self) -> None:
        self.signals: list[signal.Signals] = []
        self.running = {fault_plan.PAUSED: self}

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)


def test_whoever_is_held_up_is_let_go(tmp_path: Path) -> None:
    config = settings.load({"STREAMGAUGE_DATA_DIR": str(tmp_path)})
    supervisor, said = FakeSupervisor(), list[str]()
    fake: Any = supervisor
    plan = FaultPlan(config, ["slow-consumer@5"], fake, said.append)
    plan.tick(4.9)
    assert (supervisor.signals, said) == ([], [])
    plan._watch._read_due = 0.0  # the file is looked at four times a second
    plan.tick(5.0)
    plan._watch._read_due = 0.0
    plan.tick(5.1)
    assert supervisor.signals == [signal.SIGSTOP]
    assert said == [f"fault slow-consumer: {faults.NAMES['slow-consumer']}"]
    plan.end()
    assert supervisor.signals == [signal.SIGSTOP, signal.SIGCONT]
    assert not faults.file(tmp_path).exists()
