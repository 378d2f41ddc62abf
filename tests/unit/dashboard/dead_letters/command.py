"""Stand-in for the `streamgauge` command: prints its arguments, then the messages of a test, as JSON lines."""

from __future__ import annotations

import json
import sys

_SCRIPT = """
import json, os, signal, sys, time
messages, code, wait = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
given = sys.argv[4:]
edit = next((one.split("=", 1)[1] for one in given if one.startswith("--edit=")), None)
def emit(**one): print(json.dumps(one), flush=True)
held = {"mode": oct(os.stat(edit).st_mode & 0o777), "payload": open(edit).read()} if edit else {}
emit(event="given", given=given, file=edit, **held)
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
for one in messages: emit(**one)
until = time.monotonic() + wait
while wait and not stopped and time.monotonic() < until: time.sleep(0.01)
if stopped: emit(event="end", outcome="stopped", total=3, through=1, failed=0, unsettled=0, detail="", not_sent=2)
if code: sys.stderr.write("noise\\nstreamgauge: **why**\\n")
sys.exit(code)
"""


def command(*messages: dict[str, object], code: int = 0, wait_s: float = 0.0) -> list[str]:
    """Command line of a process that prints `messages`, then waits up to `wait_s` for SIGTERM."""
    return [sys.executable, "-S", "-c", _SCRIPT, json.dumps(messages), str(code), str(wait_s)]


def plan(ready: int, *, says: str = "", **more: object) -> dict[str, object]:
    """The plan of a dry run: `ready` dead letters of one cause, with one verdict (`says`: the error, or "")."""
    cause = {"fingerprint": "aaaa11112222", "stream": "payments", "reason": "wrong_type", "letters": ready}
    return {
        "event": "plan",
        "ready": ready,
        "causes": [{**cause, "verdicts": [{"says": says, "letters": ready}]}],
        "to": [{"topic": "payments", "partition": 1, "letters": ready}],
        "edits": [],
        "left_out": {"retried": 0, "gone": 0, "homeless": 0},
        "rungs": [1, ready - 1] if ready > 1 else [1],
        "rate": 50.0,
        **more,
    }
