"""Sign-in against a real OpenID provider process: operators, viewers, and rejected sign-ins."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from streamgauge.cli.local.ports import free_port
from tests.browser.action_dashboard import action_dashboard
from tests.browser.pipeline import Pipeline
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.long]

READERS: dict[str, dict[str, object]] = {
    "olga": {"email": "olga@shop.example", "email_verified": True},
    "vera": {"email": "vera@shop.example"},
}
WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the provider, which has discovery, code flow and signed id tokens."""
    port = free_port()
    claims = [f"--user-claims={json.dumps({'sub': name, **extra})}" for name, extra in READERS.items()]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims]
    with (tmp_path_factory.mktemp("provider") / "log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://localhost:{port}"
    try:
        wait_until(lambda: _is_up(url + WELL_KNOWN), "the provider is up")
        yield url
    finally:
        child.terminate()
        child.wait(timeout=30)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


@contextmanager
def described_as(provider: str, **other: str) -> Iterator[str]:
    """Address of the provider's discovery document with the values `other` replaced."""
    document = json.dumps({**httpx.get(provider + WELL_KNOWN).json(), **other}).encode()

    class Discovery(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Discovery) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def dashboard(pipeline: Pipeline, provider: str, secret: Path) -> Iterator[str]:
    """A dashboard with sign-in; the operator is Olga."""
    secret.write_text("known to both\n")
    with action_dashboard(
        pipeline,
        "sign-in",
        DASHBOARD_OIDC_URL=provider + WELL_KNOWN,
        DASHBOARD_OIDC_CLIENT_ID="streamgauge",
        DASHBOARD_OIDC_CLIENT_SECRET_FILE=str(secret),
        DASHBOARD_OPERATORS="olga@shop.example",
    ) as url:
        yield url


@pytest.fixture(scope="module")
def url(pipeline: Pipeline, provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dashboard(pipeline, provider, tmp_path_factory.mktemp("secret") / "client") as address:
        yield address


def sign_in(page: Page, url: str, name: str) -> None:
    """Sign in: from the page, over that of the provider, and back."""
    page.goto(url)
    expect(page.get_by_text("Sign in to see the figures.")).to_be_visible()
    expect(page.get_by_text("drawn at")).to_be_hidden()
    expect(page.get_by_test_id("stSidebarNavLink")).to_have_count(0)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=name).click()


def test_an_operator_signs_in_acts_and_is_recorded(page: Page, pipeline: Pipeline, url: str) -> None:
    sign_in(page, f"{url}/overview?range=6h", "olga")
    expect(page.get_by_text("olga@shop.example")).to_be_visible()
    expect(page).to_have_url(re.compile("range=6h"))
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("3 dead letters were sent")).to_be_visible()
    records = "SELECT count(*) AS n FROM audit_events WHERE actor = 'olga@shop.example'"
    wait_until(lambda: pipeline.figure(records) == 2, "both records")
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/end_session**")
    page.goto(url)
    expect(page.get_by_text("Sign in to see the figures.")).to_be_visible()


def test_a_viewer_sees_why_they_may_not_act(page: Page, url: str) -> None:
    sign_in(page, url, "vera")
    expect(page.get_by_text("vera@shop.example")).to_be_visible()
    expect(page.get_by_text("viewer", exact=True)).to_be_visible()
    button = page.get_by_role("button", name="Retry")
    expect(button).to_be_disabled()
    button.hover(force=True)
    expect(page.get_by_text("you are not one of the operators")).to_be_visible()


def test_a_cookie_with_another_signature_is_rejected(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_text("Sign in to see the figures.")).to_be_visible()
    claims = json.dumps({"is_logged_in": True, "origin": url, "provider": "default", "email": "olga@shop.example"})
    page.context.add_cookies([{"name": "_streamlit_user", "value": signed(claims), "url": url}])
    page.reload()
    expect(page.get_by_text("Sign in to see the figures.")).to_be_visible()
    expect(page.get_by_text("drawn at")).to_be_hidden()


def signed(claims: str, secret: str = "somebody else's, and long enough to be one") -> str:  # noqa: S107
    """A reader's cookie as Streamlit makes it."""
    from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

    return str(create_signed_value(secret, "_streamlit_user", claims).decode())


def test_a_token_of_another_issuer_is_rejected(page: Page, pipeline: Pipeline, provider: str, tmp_path: Path) -> None:
    with (
        described_as(provider, issuer="https://id.shop.example") as described,
        dashboard(pipeline, described, tmp_path / "client") as url,
    ):
        sign_in(page, url, "olga")
        page.wait_for_url(f"{url}/**")
        expect(page.get_by_text("Sign in to see the figures.")).to_be_visible()
        expect(page.get_by_text("olga@shop.example")).to_be_hidden()
        expect(page.get_by_text("drawn at")).to_be_hidden()
