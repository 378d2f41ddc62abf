"""How a retry ended, in the audit stream: the record of its beginning is written where it was confirmed."""

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
    "stopped": "stopped when told to",
    "unsettled": "the consumer did not come past what was sent in time",
    "error": "an error",
    "dry": "nothing was sent",
}


def words(job: Job) -> str:
    """One line: how it ended, and how many are through; what an error says may hold any text."""
    end = job.end
    if not end:
        return job.error or "it ended without saying how"
    counted = f"{format.count(end['through'])} of {format.count(end['total'])} through"
    if end["failed"]:
        counted += f", {format.count(end['failed'])} failed again"
    if end["unsettled"]:
        counted += f", {format.count(end['unsettled'])} sent and not settled"
    if end["not_sent"]:
        counted += f", {format.count(end['not_sent'])} not sent"
    how = _WORDS.get(end["outcome"], end["outcome"])
    return "; ".join(filter(None, (how, counted, end["detail"] or job.error)))


def good(job: Job) -> bool:
    """Whether nothing went wrong."""
    return job.code == 0 and bool(job.end)


def record(job: Job) -> None:
    """Write down how a retry ended; where Kafka does not take it, the log has it."""
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
        log.error("a retry by %s ended (%s) and this is not recorded: %s", job.by, words(job), error)
