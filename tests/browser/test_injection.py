"""Events with markup and scripts on every page: shown as plain text, without any other effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from dashboard import navigation
from tests.browser import injection
from tests.browser.injection import LeakServer
from tests.browser.pages import CONTENT
from tests.browser.pipeline import Pipeline, running_pipeline
from tests.support.requirements import require_kafka
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.long]

PAGES = [page.path for page in navigation.PAGES]
FIND_RENDERED = """
([words, icon, emoji, port]) => {
  const found = window.hostile ? ["a script ran"] : [];
  const mark = "data:,";
  for (const element of document.querySelectorAll("*")) {
    for (const name of ["href", "xlink:href", "src", "srcset", "data", "action", "style"]) {
      const value = element.getAttribute(name) || "";
      const whole = name === "style" ? value : new URL(value || mark, location.href).href;
      if (whole.startsWith("javascript:") || whole.includes(`//127.0.0.1:${port}/`))
        found.push(`${element.tagName} ${name}=${value}`);
    }
    const text = element.textContent.trim();
    if (element.tagName !== "SCRIPT" && words.includes(text)) found.push(`${element.tagName} shows "${text}" alone`);
    if (element.dataset && element.dataset.testid === "stIconMaterial" && text === icon) found.push("an icon");
  }
  if (document.querySelector(".katex")) found.push("a formula");
  if (document.body.textContent.includes(emoji)) found.push("an emoji");
  return found;
}
"""


@dataclass(frozen=True)
class InjectedPipeline:
    pipeline: Pipeline
    leak: LeakServer


@pytest.fixture(scope="module")
def injected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InjectedPipeline]:
    """A separate pipeline with these events, which are in no ledger."""
    require_kafka()
    with injection.leak_server() as leak, running_pipeline(tmp_path_factory.mktemp("injection"), Pipeline) as pipeline:
        sent = injection.publish(pipeline, leak.port)
        good = "SELECT sum(events - dead_letters) AS n FROM stream_windows WHERE stream NOT IN ('lag', 'audit')"
        wait_until(lambda: pipeline.figure(good) >= sent, f"{sent} events")
        yield InjectedPipeline(pipeline, leak)


def expect_plain_text(page: Page, injected: InjectedPipeline, path: str, **query: str) -> None:
    """Open a page, wait until it is drawn, and assert that it shows plain text only."""
    # Paused, so that it is complete at some time.
    page.goto(f"{injected.pipeline.url}/{path}?{urlencode({'range': '15m', 'refresh': 'off', **query})}")
    # The script state is notRunning before the first run, too.
    page.locator(CONTENT).first.wait_for(state="attached")
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached()
    # Time for elements that are drawn in parts, and for requests of images.
    page.wait_for_timeout(700)
    known = [list(injection.RENDERED), injection.ICON, injection.EMOJI, injected.leak.port]
    assert page.evaluate(FIND_RENDERED, known) == []
    assert injected.leak.requests == []
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize("path", PAGES)
def test_injected_events_are_plain_text(page: Page, injected: InjectedPipeline, path: str) -> None:
    expect_plain_text(page, injected, path)


@pytest.mark.parametrize("path", PAGES)
def test_injected_filters_are_plain_text(page: Page, injected: InjectedPipeline, path: str) -> None:
    script, link, *_ = injection.payloads(injected.leak.port)
    names = ("fingerprint", "group", "stream", "topic", "type", "key", "value", "q", "question", "region", "sku")
    expect_plain_text(
        page, injected, path, order=f"{script} O-0", customer=f"{link} C-1", **dict.fromkeys(names, script)
    )


def test_a_cause_and_a_story_show_the_text(page: Page, injected: InjectedPipeline) -> None:
    output = injected.pipeline.run("sql", "SELECT fingerprint FROM dead_letters LIMIT 1", "--format", "csv").stdout
    expect_plain_text(page, injected, "dead-letters", fingerprint=output.split()[-1].strip('"'))
    expect(page.get_by_text("hostile ").first).to_be_attached()
    expect_plain_text(page, injected, "events", order=f"{injection.payloads(injected.leak.port)[1]} O-1")
    expect(page.get_by_text("[leaklink](").first).to_be_attached()
