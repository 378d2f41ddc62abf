"""The committed files, found without git: in a checkout, an exported archive, a container."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What builds, runs and tools leave behind.
_IGNORED = re.compile(r"^(\..*|__pycache__|build|dist|node_modules|.*\.egg-info)$")
_DOTTED = {".ci", ".github", ".gitignore", ".dockerignore", ".streamlit"}


def committed(suffix: str = "") -> list[Path]:
    """Every committed file whose name ends with `suffix`."""
    found = [path for path in _walk(ROOT) if path.name.endswith(suffix)]
    assert found, f"no file ends with {suffix}"
    return sorted(found)


def _walk(folder: Path) -> list[Path]:
    files: list[Path] = []
    for path in folder.iterdir():
        if _IGNORED.match(path.name) and path.name not in _DOTTED:
            continue
        files += _walk(path) if path.is_dir() else [path]
    return files


def shown(path: Path) -> str:
    """A path relative to the repository."""
    return str(path.relative_to(ROOT))


def text(path: Path) -> str | None:
    """A file's text, or None for a binary file."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def code(markdown: str) -> list[str]:
    """Code of a page: the lines of its blocks, then its spans."""
    blocks = re.findall(r"^ *```[^\n]*\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^ *```.*?^ *```", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", prose)
