"""Results of injections: docs/reliability.jsonl, one line an injection, from which the table is made."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from streamgauge.runtime import files

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/reliability.jsonl"
# What a result is a result of; not the documents, which are changed by it.
CODE = ("streamgauge", "processors", "generators", "dashboard", "tests", "requirements.lock")


@dataclass(frozen=True)
class Result:
    """What a record held at its end, with when (ISO 8601, UTC), on what, and how long it took.

    `load` is the machine's load average when it began, in cores.
    """

    name: str
    date: str
    version: str
    machine: str
    load: float
    seconds: float
    times: int
    lost: int
    repeated: int
    leaked: int
    back_s: list[float]
    wrong: list[str]
    notes: list[str]

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, repeated, leaked or otherwise wrong."""
        return not (self.lost or self.repeated or self.leaked or self.wrong)


def load(path: Path | None = None) -> dict[str, Result]:
    """The results by the injection's name; empty where there is no file."""
    path = path or FILE
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {result.name: result for result in (Result(**json.loads(line)) for line in lines)}


def store(result: Result) -> None:
    """Add the result, in the place of an earlier one of its injection."""
    known = {**load(), result.name: result}
    lines = (json.dumps(asdict(known[name]), ensure_ascii=False) for name in sorted(known))
    files.write_atomically(FILE, "".join(f"{line}\n" for line in lines))


def version() -> str:
    """The last commit that changed the code, and a digest of what is changed and not committed."""
    commit = _git("log", "-1", "--format=%h", "--abbrev=8", "--", *CODE).strip()
    changes = _git("diff", "HEAD", "--", *CODE) + _git("ls-files", "--others", "--exclude-standard", "--", *CODE)
    return f"{commit}+{hashlib.sha256(changes.encode()).hexdigest()[:6]}" if changes else commit


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
