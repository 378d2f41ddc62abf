"""The runbooks as a dashboard: where the alert is read there is also what to do, without another server.

Each page of docs/runbooks is one panel; the link of an alert shows that panel alone.
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
    """Markdown of each page, by name, in alphabetical order; README.md leads through them and is none."""
    return {
        path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md")) if path.stem != "README"
    }


def board() -> Board:
    """One row a runbook. Links between files mean nothing in Grafana: only their words stay."""
    rows = []
    for name, markdown in pages().items():
        title, _, body = markdown.removeprefix("# ").partition("\n")
        text = _LINK.sub(r"\1", body.strip())
        if "$" in text or "[[" in text:
            raise ValueError(f"docs/runbooks/{name}.md: Grafana would take `$` or `[[` for a variable")
        rows.append(Row(title, (Spec("text", title, "", "", (), span=24, height=16, markdown=text),)))
    about = "What each alert means, where to look first, what usually causes it, how to fix it."
    return Board(places.RUNBOOKS, "Streamgauge / Runbooks", about, "pipeline", (), tuple(rows), refresh="")


def addresses() -> dict[str, str]:
    """The address of each page."""
    return {name: f"{places.GRAFANA}/d/{places.RUNBOOKS}?viewPanel={number}" for number, name in enumerate(pages(), 1)}
