"""Rules for every committed file: no address of a registry, no path of a machine, no `utils.py`."""

from __future__ import annotations

import re

import pytest

from tests.repo.files import ROOT, committed, shown, text

FORBIDDEN = {
    "an index address": re.compile(
        r"://[^\s\"')]*/simple\b|^\s*(--(extra-)?index-url|--find-links|-i|-f)[ =]", re.MULTILINE
    ),
    "a machine's path": re.compile(r"(?<![\w.~}/])/(?:home|root|Users|work|workspace)/"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    """The repository works anywhere, and reveals nothing of where it was made."""
    found = []
    for path in committed():
        content = text(path)
        if content is not None and (match := FORBIDDEN[what].search(content)):
            found.append(f"{shown(path)}:{content[: match.start()].count(chr(10)) + 1}: {match[0].strip()}")
    assert found == []


def test_modules_are_named_for_a_subject() -> None:
    """No utils.py, helpers.py and the like."""
    drawers = {"utils.py", "helpers.py", "util.py", "helper.py", "common.py", "misc.py", "manager.py"}
    assert [shown(path) for path in committed(".py") if path.name in drawers] == []


def test_the_changelog_has_this_version() -> None:
    """With at least one entry."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', project, re.MULTILINE)
    assert version
    entry = re.search(rf"^## {re.escape(version[1])}\b[^\n]*\n(.*?)(^## |\Z)", _changelog(), re.MULTILINE | re.DOTALL)
    assert entry, f"CHANGELOG.md has no section {version[1]}"
    assert re.search(r"^- \S", entry[1], re.MULTILINE), "the section is empty"


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
