"""Events that attack whoever shows them, on every page: their text stands as text, and nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from dashboard import navigation
from tests.browser import hostile
from tests.browser.hostile import Leak
from tests.browser.pages import SHOWN
from tests.browser.pipeline import Pipeline, running
from tests.support.requirements import require_kafka
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.long]

PAGES = [page.path for page in navigation.PAGES]
FOUND = """
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
class Attacked:
    pipeline: Pipeline
    leak: Leak


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """A pipeline of its own, for no ledger knows these events."""
    require_kafka()
    with hostile.leak() as leak, running(tmp_path_factory.mktemp("hostile"), Pipeline) as pipeline:
        sent = hostile.send(pipeline, leak.port)
        good = "SELECT sum(events - dead_letters) AS n FROM stream_windows WHERE stream NOT IN ('lag', 'audit')"
        wait_until(lambda: pipeline.figure(good) >= sent, f"{sent} events")
        yield Attacked(pipeline, leak)


def look(page: Page, attacked: Attacked, path: str, **query: str) -> None:
    """Open a page, wait until it stands, and see that nothing happened but text."""
    # Paused, so that it stands at some time.
    page.goto(f"{attacked.pipeline.url}/{path}?{urlencode({'range': '15m', 'refresh': 'off', **query})}")
    # Nothing runs before the first run begins, either.
    page.locator(SHOWN).first.wait_for(state="attached")
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_attached()
    # What is drawn in pieces, and what an image would still fetch.
    page.wait_for_timeout(700)
    known = [list(hostile.RENDERED), hostile.ICON, hostile.EMOJI, attacked.leak.port]
    assert page.evaluate(FOUND, known) == []
    assert attacked.leak.asked == []
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.parametrize("path", PAGES)
def test_hostile_text_is_text(page: Page, attacked: Attacked, path: str) -> None:
    look(page, attacked, path)


@pytest.mark.parametrize("path", PAGES)
def test_hostile_filters_are_text(page: Page, attacked: Attacked, path: str) -> None:
    script, link, *_ = hostile.attacks(attacked.leak.port)
    names = ("fingerprint", "group", "stream", "topic", "type", "key", "value", "q", "question", "region", "sku")
    look(page, attacked, path, order=f"{script} O-0", customer=f"{link} C-1", **dict.fromkeys(names, script))


def test_a_cause_and_a_story_show_it(page: Page, attacked: Attacked) -> None:
    told = attacked.pipeline.run("sql", "SELECT fingerprint FROM dead_letters LIMIT 1", "--format", "csv").stdout
    look(page, attacked, "dead-letters", fingerprint=told.split()[-1].strip('"'))
    expect(page.get_by_text("hostile ").first).to_be_attached()
    look(page, attacked, "events", order=f"{hostile.attacks(attacked.leak.port)[1]} O-1")
    expect(page.get_by_text("[leaklink](").first).to_be_attached()
