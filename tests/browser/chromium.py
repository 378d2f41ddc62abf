"""Debian's chromium through Playwright: headless, without background network traffic."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

INSTALL = "needs Debian's chromium: apt-get install chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path() -> str | None:
    """Path of chromium, or None."""
    return shutil.which("chromium")


@contextmanager
def launched() -> Iterator[Browser]:
    """A running browser. Raises `FileNotFoundError` that names the package to install."""
    executable = path()
    if executable is None:
        raise FileNotFoundError(INSTALL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
