"""Files that several processes use: replaced whole, locked, or secret. All functions raise `OSError`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from streamgauge.runtime.errors import UsageError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends; where the block raises, nothing has changed.

    A reader of `path` gets the old content or the new, never a part.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Replace the content of `path`, as `replacing` does; its folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode())


def try_lock(path: Path) -> IO[str] | None:
    """Lock a file, made if need be; None where it is locked already, by another process or this one.

    The lock ends when the returned file is closed, or with the process, however that ends. A child that inherits the
    descriptor holds the lock too. The content stays; the file is open for reading and appending.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        file.close()
        raise
    return file


def secret(path: Path) -> str:
    """The random secret in a file that only its owner can read (mode 0600); made by the first who needs it.

    The file appears with its content, so that two who need it first get the same secret. Raises `UsageError` for a file
    that holds none.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with open(part, "x", opener=_private) as file:
                file.write(secrets.token_urlsafe(32))
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
        finally:
            part.unlink(missing_ok=True)
    return read_secret(path)


def read_secret(path: Path) -> str:
    """The secret in an existing file. Raises `UsageError` for an empty one, or one that no HTTP header can carry."""
    content = path.read_bytes().strip()
    if not content or not all(0x20 <= byte <= 0x7E for byte in content):
        raise UsageError(
            f"{path} is {'not one line of ASCII' if content else 'empty'}; remove it, and a new one is made"
        )
    return content.decode("ascii")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
