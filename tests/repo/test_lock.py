"""requirements.lock: everything pyproject.toml asks for, pinned, with hashes, from nowhere in particular."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repo.files import ROOT

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = re.compile(r"^([a-z0-9.\-]+)==(\S+)( ; [^\\]+)? \\$")


def pinned() -> dict[str, str]:
    """Versions by canonical name."""
    found = (PINNED.match(line) for line in LOCK.splitlines())
    return {canonicalize_name(match[1]): match[2] for match in found if match}


def wanted() -> list[Requirement]:
    """What pyproject.toml asks for, to run and to develop."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["dev"]]


def test_the_lock_covers_what_is_asked_for() -> None:
    """Each dependency is pinned to a version that fits; else `make lock` was forgotten."""
    versions = pinned()
    for requirement in wanted():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not locked: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement}, but {version} is locked: run `make lock`"


def test_every_line_is_a_pin_a_hash_or_a_comment() -> None:
    """So there is no index, no link, no path and no unpinned name in it, and pip checks all of it."""
    strange = [
        line
        for line in LOCK.splitlines()
        if not (
            PINNED.match(line) or re.match(r"^ +--hash=sha256:[0-9a-f]{64}( \\)?$", line) or re.match(r"^ *#", line)
        )
    ]
    assert strange == []
    assert "://" not in LOCK
