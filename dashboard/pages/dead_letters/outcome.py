"""Outcome of a retry: in words, and in the audit stream. Its `requested` record is written when it is confirmed."""

from __future__ import annotations

import logging

from dashboard.pages.dead_letters.jobs import Job
from dashboard.session import audit
from streamgauge.domain import format
from streamgauge.runtime.errors import StreamgaugeError

log = logging.getLogger("streamgauge")
ACTION = "dead-letters.retry.ended"
_WORDS = {
    "none": "there was nothing to send",
    "done": "",
    "failed": "stopped: one failed again",
    "stopped": "stopped on request",
    "unsettled": "the consumer did not pass what was sent in time",
    "error": "an error",
    "dry": "nothing was sent",
}


def words(job: Job) -> str:
    """One line: how it ended, and how many passed. An error message may hold any text."""
    end = job.end
    if not end:
        return job.error or "it ended without a result"
    counted = f"{format.count(end['through'])} of {format.count(end['total'])} passed"
    if end["failed"]:
        counted += f", {format.count(end['failed'])} failed again"
    if end["unsettled"]:
        counted += f", {format.count(end['unsettled'])} sent and not settled"
    if end["not_sent"]:
        counted += f", {format.count(end['not_sent'])} not sent"
    how = _WORDS.get(end["outcome"], end["outcome"])
    return "; ".join(filter(None, (how, counted, end["detail"] or job.error)))


def good(job: Job) -> bool:
    """Whether it succeeded."""
    return job.code == 0 and bool(job.end)


def record(job: Job) -> None:
    """Write the outcome to the audit stream, or to the log if Kafka does not accept it."""
    try:
        audit.write(
            job.id,
            "done" if good(job) else "failed",
            actor=job.by,
            action=ACTION,
            target=job.request.target,
            detail=words(job),
        )
    except StreamgaugeError as error:
        log.error("a retry by %s ended (%s), which cannot be recorded: %s", job.by, words(job), error)
