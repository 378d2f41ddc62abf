"""Extracts packages with their dependencies from requirements.lock: `python deploy/locked.py --project` or `… NAME…`.

The lock includes development tools; an image needs runtime packages only. Each entry of the lock names, after `# via`,
the packages that require it. Only the standard library is used: the image's first stage runs this before anything is
installed. It prints the lock's entries with hashes, for `pip install --require-hashes --requirement`.
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
    """A package's normalised name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, str]:
    """The lock's entries by package."""
    return {canonical(found["name"]): found[0] for found in _ENTRY.finditer(lock)}


def required_by(entry: str) -> set[str]:
    """The packages that require a package: the names after `# via`."""
    _, _, via = entry.partition("# via")
    return {canonical(name) for name in re.findall(r"^ *#? *([A-Za-z0-9._\-]+)", via, re.MULTILINE)}


def project(text: str) -> set[str]:
    """The runtime dependencies in pyproject.toml."""
    wanted: list[str] = tomllib.loads(text)["project"]["dependencies"]
    return {canonical(re.split(r"[^A-Za-z0-9._\-]", requirement, maxsplit=1)[0]) for requirement in wanted}


def closure(lock: dict[str, str], names: Iterable[str]) -> list[str]:
    """`names` with their dependencies, in the lock's order. Raises `KeyError` for a name that is not locked."""
    wanted = {canonical(name) for name in names}
    for name in wanted:
        lock[name]
    needs = {name: required_by(entry) for name, entry in lock.items()}
    while more := {name for name, by in needs.items() if by & wanted} - wanted:
        wanted |= more
    return [name for name in lock if name in wanted]


def main(arguments: list[str]) -> None:
    """Print the entries."""
    names = project((ROOT / "pyproject.toml").read_text(encoding="utf-8")) if arguments == ["--project"] else arguments
    lock = entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    sys.stdout.write("".join(lock[name] for name in closure(lock, names)))


if __name__ == "__main__":
    main(sys.argv[1:])
