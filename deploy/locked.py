"""The part of requirements.lock that some packages need: `python deploy/locked.py --project` or `… NAME…`.

One lock serves developing and running, and an image needs only what runs. Which that is, the lock itself says: each
entry names, after `# via`, who asked for it. Standard library alone: the image's first stage runs it before anything is
installed. Printed are the lock's own entries, hashes included, for `pip install --require-hashes --requirement`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ENTRY = re.compile(r"^(?P<name>[a-z0-9.\-]+)==\S+.*\n(?:^[ #].*\n)*", re.MULTILINE)


def canonical(name: str) -> str:
    """A package's name as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, str]:
    """The lock's entries by package."""
    return {canonical(found["name"]): found[0] for found in _ENTRY.finditer(lock)}


def asked_by(entry: str) -> set[str]:
    """Who asked for a package: the names after `# via`."""
    _, _, via = entry.partition("# via")
    return {canonical(name) for name in re.findall(r"^ *#? *([A-Za-z0-9._\-]+)", via, re.MULTILINE)}


def project(text: str) -> set[str]:
    """What pyproject.toml asks for to run."""
    wanted: list[str] = tomllib.loads(text)["project"]["dependencies"]
    return {canonical(re.split(r"[^A-Za-z0-9._\-]", requirement, maxsplit=1)[0]) for requirement in wanted}


def closure(lock: dict[str, str], names: Iterable[str]) -> list[str]:
    """`names` and all that they need, in the lock's order. Raises `KeyError` for a name that is not locked."""
    wanted = {canonical(name) for name in names}
    for name in wanted:
        lock[name]
    needs = {name: asked_by(entry) for name, entry in lock.items()}
    while more := {name for name, by in needs.items() if by & wanted} - wanted:
        wanted |= more
    return [name for name in lock if name in wanted]


def main(arguments: list[str]) -> None:
    """Print the entries asked for."""
    names = project((ROOT / "pyproject.toml").read_text(encoding="utf-8")) if arguments == ["--project"] else arguments
    lock = entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    sys.stdout.write("".join(lock[name] for name in closure(lock, names)))


if __name__ == "__main__":
    main(sys.argv[1:])
