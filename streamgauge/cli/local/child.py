"""Child processes that never outlive their parent: not after a clean stop, nor, on Linux, after a kill -9 of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

# Runs in the child, then execs the command. A separate program instead of `preexec_fn`, which is unsafe with threads.
# 1 is PR_SET_PDEATHSIG, 9 is SIGKILL: an immediate restart must find port and lock free; after SIGTERM they would stay
# taken for as long as the stop takes. The check of getppid covers a parent that died before the call.
_SHIM = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def spawn(
    command: list[str], output: Path | None, environ: Mapping[str, str] | None = None, keep: int | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` (an absolute path first) with standard output and error in `output`, which is emptied.

    Without `output` they are the pipe `stdout`, which must then be read. Without `environ` the child inherits ours.
    `keep` is a file descriptor that the child keeps open for as long as it lives (a lock, say).

    It gets its own session, so that Ctrl-C in a terminal reaches only the parent, which stops its children in order.
    On Linux the kernel kills it when the *thread* that called this ends, which must live as long as the child.
    """
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), *command]
    with _sink(output) as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environ,
            pass_fds=() if keep is None else (keep,),
        )


def _sink(output: Path | None) -> contextlib.AbstractContextManager[IO[bytes] | int]:
    if output is None:
        return contextlib.nullcontext(subprocess.PIPE)
    output.parent.mkdir(parents=True, exist_ok=True)
    return output.open("wb")


def stop(child: subprocess.Popen[bytes], timeout_s: float) -> None:
    """SIGTERM, then SIGKILL after `timeout_s`; blocks until the child is gone. Does nothing to one that has ended."""
    child.terminate()
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
