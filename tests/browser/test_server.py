"""The dashboard process: health, a clean stop with a browser connected, a port in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pipeline import Pipeline
from tests.support import commands

pytestmark = pytest.mark.browser


def test_sigterm_ends_it_with_0_while_a_browser_is_connected(
    page: Page, pipeline: Pipeline, ledger: dict[str, Any]
) -> None:
    page.goto(pipeline.url)
    expect(page.get_by_text("Data up to")).to_be_visible()
    try:
        assert pipeline.stop("dashboard") == 0
        assert "Traceback" not in pipeline.log("dashboard")
    finally:
        pipeline.start("dashboard")


def test_a_port_in_use_is_an_error_of_one_line_with_code_2(pipeline: Pipeline) -> None:
    done = commands.run(pipeline.environ, "dashboard")
    assert done.returncode == 2
    assert f"port {pipeline.dashboard_port} is in use" in done.stderr
    assert "STREAMGAUGE_DASHBOARD_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_listens_on_loopback_only(pipeline: Pipeline) -> None:
    tables = Path("/proc/net/tcp").read_text().splitlines()[1:]
    local = [line.split()[1] for line in tables if line.split()[3] == "0A"]
    listening = [address for address in local if int(address.split(":")[1], 16) == pipeline.dashboard_port]
    assert listening == [f"0100007F:{pipeline.dashboard_port:04X}"]
