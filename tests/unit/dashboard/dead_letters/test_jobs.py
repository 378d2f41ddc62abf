"""Commands as child processes: their arguments, their ends, and text of events as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dashboard.pages.dead_letters import retry_request
from dashboard.pages.dead_letters.jobs import Busy, Job, Jobs
from dashboard.pages.dead_letters.retry_request import Request
from tests.support.waiting import wait_until
from tests.unit.dashboard.dead_letters.command import command, plan

WITHIN_S = 20.0
CAUSE, LETTER = "aaaa11112222", "payments:1:4711"
HOSTILE = "--yes; touch /tmp/x $(reboot) `id` \"'\n\\"


def run_to_end(jobs: Jobs, job: Job) -> dict[str, Any]:
    """Wait for the end of a job; returns the arguments that its command printed."""
    wait_until(lambda: not job.running, "the job ends", WITHIN_S)
    assert not jobs._children
    (given,) = job.of("given")
    return given


def test_any_text_of_an_event_is_one_argument() -> None:
    jobs = Jobs(command())
    given = run_to_end(jobs, jobs.start("dry", Request(CAUSE, LETTER, field="$.note", value=HOSTILE), "ana"))["given"]
    assert given == [
        *("dead-letters", "retry", "--format=json", "--rate=50", f"--set=$.note={HOSTILE}", "--", LETTER),
    ]


def test_a_retry_has_its_actor_and_end_time() -> None:
    jobs = Jobs(command())
    request = Request(CAUSE, until="2026-11-23T10:00:00Z")
    given = run_to_end(jobs, jobs.start("retry", request, "--ana"))["given"]
    assert given[-4:] == ["--yes", "--by=--ana", "--until=2026-11-23T10:00:00Z", f"--fingerprint={CAUSE}"]


@pytest.mark.parametrize(
    "request_", [Request(CAUSE, "--yes"), Request(CAUSE, "a b:1:2"), Request("--yes"), Request("")]
)
def test_an_invalid_position_or_fingerprint_starts_nothing(request_: Request) -> None:
    jobs = Jobs(command())
    with pytest.raises(ValueError, match="not a"):
        jobs.start("retry", request_, "ana")
    assert jobs.newest(request_.cause, "retry") is None


def test_an_edited_payload_is_in_a_private_file_deleted_afterwards() -> None:
    jobs = Jobs(command())
    given = run_to_end(jobs, jobs.start("dry", Request(CAUSE, LETTER, payload=HOSTILE), "ana"))
    assert (given["mode"], given["payload"]) == ("0o600", HOSTILE)
    assert not Path(given["file"]).exists()


def test_one_retry_at_a_time_which_can_be_stopped() -> None:
    ended: list[Job] = []
    jobs = Jobs(command(plan(3), wait_s=20), ended.append)
    job = jobs.start("retry", Request(CAUSE), "ana")
    wait_until(lambda: bool(job.plan), "the plan is there", WITHIN_S)
    with pytest.raises(Busy, match="this cause"):
        jobs.start("dry", Request(CAUSE), "bob")
    with pytest.raises(Busy, match=f"ana is retrying dead letters of the cause {CAUSE}"):
        jobs.start("retry", Request("bbbb"), "bob")
    other = jobs.start("dry", Request("bbbb"), "bob")
    jobs.stop(job)
    wait_until(lambda: not job.running, "the job ends", WITHIN_S)
    assert (job.code, job.end["outcome"]) == (0, "stopped")
    wait_until(lambda: ended == [job], "the end is reported", WITHIN_S)
    jobs.close()
    wait_until(lambda: not other.running, "the other job ends", WITHIN_S)
    assert ended == [job]


def test_the_error_is_the_last_line_of_stderr() -> None:
    jobs = Jobs(command(code=2))
    job = jobs.start("dry", Request(CAUSE), "ana")
    wait_until(lambda: not job.running, "the job ends", WITHIN_S)
    assert (job.code, job.error) == (2, "**why**")
    missing = Jobs(["/nowhere/streamgauge"]).start("dry", Request(CAUSE), "ana")
    wait_until(lambda: not missing.running, "the job without a command ends", WITHIN_S)
    assert "could not be started" in missing.error


def test_the_announcement_lists_the_effects() -> None:
    lines = retry_request.announcement(
        plan(3, says="wrong_type: **x**", left_out={"retried": 2, "gone": 0, "homeless": 0})
    )
    assert lines[:3] == [
        "3 to topic payments, partition 1: each once, with its own key and headers.",
        "Analytics predicts for 3: would fail again: wrong_type: **x**.",
        "2 left out: they were sent again before.",
    ]
    assert lines[3] == "In batches of 1, 2; the first failure stops it."


def test_the_announcement_names_what_would_be_refused() -> None:
    refusals = [{"letter": f"gone:0:{n}", "why": "topic `gone` does not exist"} for n in range(9)]
    out = {"retried": 1, "gone": 0, "homeless": 0, "refused": 8}
    lines = retry_request.left_out(plan(3, left_out=out) | {"refusals": refusals})
    assert lines[:3] == [
        "1 left out: they were sent again before",
        "8 left out: they would be refused",
        "gone:0:0: topic `gone` does not exist",
    ]
    assert len(lines) == 2 + retry_request.EXAMPLES
