"""Injected faults: a small file in the data directory with the active faults and their ends.

`streamgauge fault` and `up --fault` write it; the storefront, the synthetic services and the supervisor read it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from streamgauge.runtime import files
from streamgauge.runtime.errors import UsageError

PAYMENT_OUTAGE = "payment-outage"
SLOW_CONSUMER = "slow-consumer"
POISON_BURST = "poison-burst"
CAMPAIGN_SURGE = "campaign-surge"
NAMES = {
    PAYMENT_OUTAGE: "the payment service stops answering",
    SLOW_CONSUMER: "analytics is held up, again and again",
    POISON_BURST: "invalid events among the orders",
    CAMPAIGN_SURGE: "everybody wants a few products of one campaign",
}
DEFAULT_S = 30.0
MAX_S = 3_600.0
_READ_EVERY_S = 0.25


def file(data_dir: Path) -> Path:
    """Path of the file: `{"<fault>": <end, seconds since the epoch>}`."""
    return data_dir / "faults.json"


def check(name: str) -> None:
    """Raise `UsageError` with the known names for an unknown one."""
    if name not in NAMES:
        raise UsageError(f"no fault `{name}`; there are {', '.join(NAMES)}")


def begin(data_dir: Path, name: str, for_s: float = DEFAULT_S) -> None:
    """Turn a fault on for `for_s` seconds from now; 0 turns it off. Other faults stay as they are.

    Raises `UsageError` for an unknown name or a time out of range.
    """
    check(name)
    if not 0 <= for_s <= MAX_S:
        raise UsageError(f"--for is a number of seconds from 0 (off) to {MAX_S:,.0f}, not {for_s:g}")
    path = file(data_dir)
    files.write_atomically(path, json.dumps(_read(path) | {name: time.time() + for_s}))


def clear(data_dir: Path) -> None:
    """Turn all faults off."""
    file(data_dir).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, float]:
    try:
        content = json.loads(path.read_text())
        return {str(name): float(until) for name, until in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


class FaultWatch:
    """Reads the file, at most four times a second; cheap enough for any loop."""

    def __init__(self, data_dir: Path) -> None:
        self._path = file(data_dir)
        self._until: dict[str, float] = {}
        self._read_due = 0.0

    def active(self, name: str) -> bool:
        """Whether a fault is on now."""
        now = time.monotonic()
        if now >= self._read_due:
            self._read_due = now + _READ_EVERY_S
            self._until = _read(self._path)
        return self._until.get(name, 0.0) > time.time()
