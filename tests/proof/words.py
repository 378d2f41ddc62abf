"""What a process says when it ends: one clear line, or a traceback."""

from __future__ import annotations

from tests.proof.injection import Record
from tests.support.rig import Worker


def last_words(worker: Worker, lines: int = 3) -> str:
    """The last lines of its log, on one line."""
    return " | ".join(worker.log.read_text(errors="replace").splitlines()[-lines:])


def require_clear_end(record: Record, worker: Worker, timeout_s: float, *words: str) -> None:
    """Wait until the process ends by itself; require a code of failure, no traceback, and all of `words` in its log."""
    code = worker.process.wait(timeout_s)
    text = worker.log.read_text(errors="replace")
    record.require(code in (1, 2), f"ended with {code}: {last_words(worker)}")
    record.require("Traceback" not in text, f"a traceback: {last_words(worker)}")
    missing = [word for word in words if word.lower() not in text.lower()]
    record.require(not missing, f"its last words do not say {missing}: {last_words(worker)}")
