"""Dashboards and rules are those that grafana/ makes, and each alert has a page that tells what to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from catalog import loader
from grafana import runbooks
from grafana.alerts import ALERTS
from grafana.generate import FOLDERS
from tests.house.files import ROOT, shown
from warehouse import schema

HEADINGS = ["Meaning", "First look", "Usual causes", "Mending"]
PAGES = runbooks.pages()
SQL = re.compile(r'streamgauge sql "([^"]+)"')


def test_generated_files_are_current() -> None:
    """`make grafana` would change nothing, and nothing is there that it does not make."""
    command = [sys.executable, "-m", "grafana.generate", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {alert.runbook for alert in ALERTS} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_the_same_parts(name: str) -> None:
    """Title: the alerts that lead there. Then what it means, where to look, why, what to do; none of them empty."""
    lines = PAGES[name].splitlines()
    assert lines[0] == "# " + ", ".join(alert.name for alert in ALERTS if alert.runbook == name)
    parts = re.split(r"^## (.+)$", PAGES[name], flags=re.MULTILINE)
    assert parts[1::2] == HEADINGS
    assert all(len(part.strip()) > 40 for part in parts[2::2])
    look = parts[parts.index("First look") + 1]
    assert re.search(r"^```\n(streamgauge [a-z-]+.*\n)+```", look, re.MULTILINE), "nothing to paste"
