"""Dashboards and rules are those that grafana/ generates, and each alert has a runbook."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard import navigation
from grafana import runbooks
from grafana.alerts import ALERTS
from grafana.generate import BOARDS, FOLDERS
from tests.repo.files import ROOT, shown

HEADINGS = ["Meaning", "First look", "Usual causes", "Fix"]
PAGES = runbooks.pages()


def test_generated_files_are_current() -> None:
    """`make grafana` would change nothing."""
    command = [sys.executable, "-m", "grafana.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {alert.runbook for alert in ALERTS} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_the_same_parts(name: str) -> None:
    """The alerts that link there as title, then the sections, none of them empty."""
    lines = PAGES[name].splitlines()
    assert lines[0] == "# " + ", ".join(alert.name for alert in ALERTS if alert.runbook == name)
    parts = re.split(r"^## (.+)$", PAGES[name], flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    assert all(len(part.strip()) > 40 for part in parts[2::2])
    look = parts[parts.index("First look") + 1]
    assert re.search(r"^```\n(streamgauge [a-z-]+.*\n)+```", look, re.MULTILINE), "nothing to paste"


def dashboards() -> list[Path]:
    """The generated dashboards."""
    found = sorted((ROOT / "grafana/generated/dashboards").glob("*.json"))
    assert len(found) == 6
    return found


def panels(path: Path) -> list[dict[str, Any]]:
    """A dashboard's panels, rows among them."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["panels"]
    return found


@pytest.mark.parametrize("path", dashboards(), ids=shown)
def test_panels_are_whole(path: Path) -> None:
    """Each has a unique id and place, and (texts aside) unit, description, data source."""
    found = panels(path)
    assert len({panel["id"] for panel in found}) == len(found)
    taken: dict[tuple[int, int], str] = {}
    for panel in found:
        place, title = panel["gridPos"], panel["title"]
        assert place["x"] + place["w"] <= 24, title
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{title} lies over {taken[x, y]}"
                taken[x, y] = title
        if panel["type"] in ("row", "text"):
            continue
        assert panel["description"].endswith("."), title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        assert panel["datasource"]["uid"] == "prometheus", title
        assert panel["targets"], title


@pytest.mark.parametrize("path", dashboards(), ids=shown)
def test_lines_of_panels_are_full(path: Path) -> None:
    """Panels beside each other are as high as each other, and fill the width: no holes, on any screen."""
    lines: dict[int, list[dict[str, int]]] = {}
    for panel in panels(path):
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    for places in lines.values():
        assert sum(place["w"] for place in places) == 24
        assert len({place["h"] for place in places}) == 1


@pytest.mark.parametrize("path", dashboards(), ids=shown)
def test_dashboards_can_be_reached_and_left(path: Path) -> None:
    """A fixed uid that is the file's name; links to the others, to Streamlit, to the runbooks; restarts marked."""
    board = json.loads(path.read_text(encoding="utf-8"))
    assert board["uid"] == path.stem
    assert [link["type"] for link in board["links"]] == ["dashboards", "link", "link"]
    assert board["links"][1]["url"].startswith("${pages}/")
    assert [mark["name"] for mark in board["annotations"]["list"]] == ["Starts and restarts"]
    assert "pages" in [variable["name"] for variable in board["templating"]["list"]]
    used = set(re.findall(r"\$(\w+)", json.dumps(board["panels"])))
    there = {variable["name"] for variable in board["templating"]["list"]} | {"__rate_interval", "__range", "__all"}
    assert used <= there
    assert there - used <= {"pages", "__rate_interval", "__range", "__all"}, "a variable that nothing uses"


def test_the_streamlit_pages_exist() -> None:
    """The page that a dashboard leads to is one of the pages there are."""
    assert {board.page for board in BOARDS} <= {page.path for page in navigation.PAGES}


def test_every_runbook_link_shows_that_runbook() -> None:
    """The number in an alert's address is the panel with that alert's page."""
    titles = {
        panel["id"]: panel["title"]
        for panel in panels(ROOT / "grafana/generated/dashboards/streamgauge-runbooks.json")
        if panel["type"] == "text"
    }
    addresses = runbooks.addresses()
    for alert in ALERTS:
        assert alert.name in titles[int(addresses[alert.runbook].rpartition("=")[2])]


def test_generated_folders_hold_nothing_else() -> None:
    """What lies there by hand would be removed."""
    for folder in FOLDERS:
        assert all(path.suffix in (".json", ".yaml", ".yml") for path in (ROOT / folder).iterdir())
