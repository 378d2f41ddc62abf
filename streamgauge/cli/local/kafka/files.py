"""Apache Kafka's jars, fetched once from Maven Central into the user's cache.

A jar enters the cache only complete and with the SHA-256 of `kafka.lock`, by an atomic rename: killed or concurrent
fetches leave no partial file, and the next fetch gets what is missing. So later starts only compare sizes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from streamgauge.cli.local.kafka import lock as kafka_lock
from streamgauge.cli.local.kafka.lock import Jar, KafkaLock
from streamgauge.runtime.errors import FatalError, TransientError, UsageError

log = logging.getLogger("streamgauge")

# A few at a time hide the latency of 46 files without straining Maven Central.
_AT_A_TIME = 4
_TIMEOUT_S = 10
_STALE_S = 3600
Download = Callable[[Jar, Path, Callable[[int], None]], Path]


def cache_dir(version: str) -> Path:
    """The folder for the jars of that version: `$XDG_CACHE_HOME` (or `~/.cache`) `/streamgauge/kafka-VERSION`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "streamgauge" / f"kafka-{version}"


def missing(lock: KafkaLock, folder: Path) -> list[Jar]:
    """The locked jars that are not in `folder` with their size."""
    return [jar for jar in lock.jars if not _has_size(folder / jar.filename, jar.size)]


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def ensure(stop: threading.Event | None = None) -> list[Path]:
    """Paths of all jars, in the lock's order; fetches those that are missing (45 MB, blocks until done).

    Raises `UsageError` with what to do when Maven Central cannot be reached, `FatalError` when a file is not what the
    lock says, `TransientError` when `stop` is set meanwhile.
    """
    lock = kafka_lock.load()
    folder = cache_dir(lock.version)
    absent = missing(lock, folder)
    if absent:
        fetch(absent, folder, lock.version, stop=stop)
    return [folder / jar.filename for jar in lock.jars]


def fetch(
    jars: list[Jar], folder: Path, version: str, download: Download | None = None, stop: threading.Event | None = None
) -> None:
    """Fetch `jars` into `folder`, some at a time, showing progress; raises as `ensure` does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        with (
            tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch,
            _progress(f"Apache Kafka {version}", sum(jar.size for jar in jars)) as advance,
            ThreadPoolExecutor(_AT_A_TIME) as pool,
        ):
            get = download or _from_maven_central

            def on_bytes(count: int) -> None:
                if stop is not None and stop.is_set():
                    raise TransientError("stopped while files were being fetched")
                advance(count)

            tasks = [pool.submit(_fetch_one, jar, Path(scratch), folder, get, on_bytes) for jar in jars]
            try:
                for task in tasks:
                    task.result()
            finally:
                pool.shutdown(cancel_futures=True)
    except OSError as error:  # requests' errors are OSErrors too
        raise UsageError(
            f"cannot fetch Apache Kafka {version} from Maven Central ({type(error).__name__}); connect this machine "
            f"once, or copy {folder} from one that has it, or set STREAMGAUGE_BOOTSTRAP_SERVERS to a cluster of yours"
        ) from error


def _fetch_one(jar: Jar, scratch: Path, folder: Path, download: Download, advance: Callable[[int], None]) -> None:
    path = download(jar, scratch, advance)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != jar.sha256:
        path.unlink()
        raise FatalError(
            f"{jar.filename} from Maven Central has SHA-256 {found}, expected {jar.sha256}: it was removed; "
            "run the command again, and if it stays so, something between here and Maven Central changes files"
        )
    path.replace(folder / jar.filename)


def _from_maven_central(jar: Jar, scratch: Path, advance: Callable[[int], None]) -> Path:
    from jgo.maven import MavenContext, PythonResolver

    @contextmanager
    def on_file(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance

    context = MavenContext(repo_cache=scratch, resolver=PythonResolver(progress_callback=on_file), timeout=_TIMEOUT_S)
    try:
        path: Path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    except RuntimeError as error:  # what jgo raises for any answer but 200
        raise FileNotFoundError(str(error)) from error
    return path


def _remove_stale(folder: Path) -> None:
    """Remove leftovers of killed fetches."""
    for path in folder.glob("fetch-*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path)


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, else a log line every two seconds."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(f"fetching {what}", total=total)
            yield lambda count: bar.advance(task, count)
        return
    log.info("fetching %s, %.0f MB, once", what, total / 1e6)
    done, logged_at, mutex = 0, time.monotonic(), threading.Lock()

    def advance(count: int) -> None:
        nonlocal done, logged_at
        with mutex:
            done += count
            if time.monotonic() - logged_at >= 2:
                logged_at = time.monotonic()
                log.info("fetching %s: %.0f of %.0f MB", what, done / 1e6, total / 1e6)

    yield advance
    log.info("fetched %s", what)
