"""The runbooks as a dashboard, so that alerts link to them without another server.

Each page of docs/runbooks is one panel; an alert links to that panel alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from grafana import places
from grafana.board import Board, Row
from grafana.panels import Spec

FOLDER = Path(__file__).parents[1] / "docs" / "runbooks"
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:)[^)]*\)")


def pages() -> dict[str, str]:
    """Markdown of each page, by name, in alphabetical order, without README.md."""
    return {
        path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md")) if path.stem != "README"
    }


def board() -> Board:
    """One row per runbook. Links between files do not work in Grafana: only their text stays."""
    rows = []
    for name, markdown in pages().items():
        title, _, body = markdown.removeprefix("# ").partition("\n")
        text = _LINK.sub(r"\1", body.strip())
        if "$" in text or "[[" in text:
            raise ValueError(f"docs/runbooks/{name}.md: Grafana would expand `$` or `[[` as a variable")
        rows.append(Row(title, (Spec("text", title, "", "", (), span=24, height=16, markdown=text),)))
    about = "What each alert means, where to look first, what usually causes it, how to fix it."
    return Board(places.RUNBOOKS, "Streamgauge / Runbooks", about, "pipeline", (), tuple(rows), refresh="")


def addresses() -> dict[str, str]:
    """The URL of each page."""
    return {name: f"{places.GRAFANA}/d/{places.RUNBOOKS}?viewPanel={number}" for number, name in enumerate(pages(), 1)}
