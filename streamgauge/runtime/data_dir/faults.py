"""Faults on command: a small file in the data directory says which are on and until when.

`streamgauge fault` and `up --fault` write it; the storefront, the synthetic services and the supervisor look at it.
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
LASTS_S = 30.0
LONGEST_S = 3_600.0
_LOOK_EVERY_S = 0.25


def file(data_dir: Path) -> Path:
    """Where it stands: `{"<fault>": <until, seconds since the epoch>}`."""
    return data_dir / "faults.json"


def check(name: str) -> None:
    """Raise `UsageError` with the right names for a wrong one."""
    if name not in NAMES:
        raise UsageError(f"no fault `{name}`; there are {', '.join(NAMES)}")


def begin(data_dir: Path, name: str, for_s: float = LASTS_S) -> None:
    """Turn a fault on, from now for so long; 0 turns it off. The others stay as they are."""
    check(name)
    if not 0 <= for_s <= LONGEST_S:
        raise UsageError(f"--for is a number of seconds from 0 (off) to {LONGEST_S:,.0f}, not {for_s:g}")
    path = file(data_dir)
    files.write_atomically(path, json.dumps(_read(path) | {name: time.time() + for_s}))


def clear(data_dir: Path) -> None:
    """Turn all off."""
    file(data_dir).unlink(missing_ok=True)


def _read(path: Path) -> dict[str, float]:
    try:
        content = json.loads(path.read_text())
        return {str(name): float(until) for name, until in content.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


class Watch:
    """Looks at the file, four times a second at most; cheap enough for any loop."""

    def __init__(self, data_dir: Path) -> None:
        self._path = file(data_dir)
        self._until: dict[str, float] = {}
        self._looks_at = 0.0

    def active(self, name: str) -> bool:
        """Whether that fault is on now."""
        now = time.monotonic()
        if now >= self._looks_at:
            self._looks_at = now + _LOOK_EVERY_S
            self._until = _read(self._path)
        return self._until.get(name, 0.0) > time.time()
