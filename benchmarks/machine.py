"""The machine that a benchmark runs on, for its caption."""

from __future__ import annotations

import contextlib
import os
import platform
import re
from pathlib import Path

import psutil


def machine() -> str:
    """Cores, model, memory and Python version; no name of the host."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        model = found[1] if found else model
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {platform.python_version()}"
