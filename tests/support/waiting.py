"""Wait until a condition holds, instead of sleeping for a guessed time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool],
    what: str,
    timeout_s: float = 180.0,
    *,
    alive: subprocess.Popen[bytes] | None = None,
    every_s: float = 0.05,
) -> None:
    """Poll `condition` until it holds.

    Raises `AssertionError` naming `what` after `timeout_s` seconds, or as soon as the process `alive` has ended.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        code = None if alive is None else alive.poll()
        assert code is None, f"waiting for {what}: the process ended with {code}"
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(every_s)
