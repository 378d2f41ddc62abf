"""Who may act: settings against the claims of a provider, and settings that are rejected."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest

from dashboard.session import access, login_redirect, sign_in
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

SIGN_IN = {
    "DASHBOARD_OIDC_URL": "https://id.shop.example/.well-known/openid-configuration",
    "DASHBOARD_OIDC_CLIENT_ID": "streamgauge",
    "DASHBOARD_OIDC_CLIENT_SECRET": "not shown",
    "DASHBOARD_OPERATORS": "Olga@shop.example, *@ops.shop.example",
}
NOT_OPERATOR = "you are not one of the operators"


def settings(**environ: str) -> Settings:
    return settings_module.load({f"STREAMGAUGE_{name}": value for name, value in environ.items()})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_a_loopback_address_readers_act_as_the_user_of_the_process(host: str) -> None:
    reader = access.judge(settings(DASHBOARD_HOST=host))
    assert (reader.name, reader.role, reader.why_not) == (getpass.getuser(), "operator", None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "shop.example"])  # noqa: S104 - not bound
def test_on_other_addresses_readers_without_sign_in_are_viewers(host: str) -> None:
    reader = access.judge(settings(DASHBOARD_HOST=host))
    assert (reader.name, reader.role) == (None, "viewer")


def test_read_only_applies_to_operators() -> None:
    assert access.judge(settings(DASHBOARD_READ_ONLY="true")).why_not == "the dashboard is read-only"
    signed_in = access.judge(
        settings(DASHBOARD_READ_ONLY="1", **SIGN_IN), {"is_logged_in": True, "email": "olga@shop.example"}
    )
    assert (signed_in.name, signed_in.why_not) == ("olga@shop.example", "the dashboard is read-only")


@pytest.mark.parametrize(
    ("claims", "why_not"),
    [
        ({"email": "olga@shop.example"}, None),
        ({"email": "OLGA@SHOP.EXAMPLE", "email_verified": True}, None),
        ({"email": "anyone@ops.shop.example"}, None),
        ({"email": "olga@shop.example", "email_verified": False}, NOT_OPERATOR),
        ({"email": "olga@shop.example", "email_verified": "false"}, NOT_OPERATOR),
        ({"email": "vera@shop.example"}, NOT_OPERATOR),
        ({"email": "vera@sub.ops.shop.example"}, NOT_OPERATOR),
        ({"email": "vera@evilops.shop.example"}, NOT_OPERATOR),
        ({"email": "vera@evil.example@ops.shop.example"}, NOT_OPERATOR),
        ({"email": "*@ops.shop.example.evil.example"}, NOT_OPERATOR),
        ({"email": "@ops.shop.example"}, NOT_OPERATOR),
        ({"name": "olga@shop.example", "sub": "olga@shop.example"}, NOT_OPERATOR),
        ({}, NOT_OPERATOR),
        ({"email": "olga@shop.example", "is_logged_in": False}, "you are not signed in"),
    ],
)
def test_signed_in_readers_act_if_they_are_operators(claims: dict[str, Any], why_not: str | None) -> None:
    assert access.judge(settings(**SIGN_IN), {"is_logged_in": True, **claims}).why_not == why_not


def test_without_operators_nobody_may_act() -> None:
    given = settings(**{**SIGN_IN, "DASHBOARD_OPERATORS": ""})
    assert access.judge(given, {"is_logged_in": True, "email": "olga@shop.example"}).why_not == NOT_OPERATOR


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"DASHBOARD_OPERATORS": "olga@shop.example"}, "DASHBOARD_OPERATORS needs a sign-in"),
        ({"DASHBOARD_OIDC_CLIENT_ID": "streamgauge"}, "DASHBOARD_OIDC_CLIENT_ID needs a sign-in"),
        ({**SIGN_IN, "DASHBOARD_OIDC_CLIENT_ID": ""}, "a sign-in needs STREAMGAUGE_DASHBOARD_OIDC_CLIENT_ID"),
        ({**SIGN_IN, "DASHBOARD_OIDC_CLIENT_SECRET": ""}, "needs STREAMGAUGE_DASHBOARD_OIDC_CLIENT_SECRET"),
        ({**SIGN_IN, "DASHBOARD_HOST": "192.168.1.4"}, "needs STREAMGAUGE_DASHBOARD_OIDC_REDIRECT_URL"),
    ],
)
def test_inconsistent_settings_are_rejected(environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        sign_in.check(settings(**environ))


def test_public_pages_without_sign_in_log_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    sign_in.check(settings())
    sign_in.check(
        settings(**SIGN_IN, DASHBOARD_HOST="::", DASHBOARD_OIDC_REDIRECT_URL="https://g.example/oauth2callback")
    )
    assert caplog.records == []
    sign_in.check(settings(DASHBOARD_HOST="0.0.0.0"))  # noqa: S104 - not bound
    (warning,) = caplog.records
    assert "without a sign-in" in warning.getMessage()


def test_secrets_come_only_from_settings_or_files(tmp_path: Path) -> None:
    file = tmp_path / "client"
    file.write_text("from a file\n")
    environ = {**SIGN_IN, "DASHBOARD_OIDC_CLIENT_SECRET": "", "DASHBOARD_OIDC_CLIENT_SECRET_FILE": str(file)}
    given = settings(**environ, DATA_DIR=str(tmp_path), DASHBOARD_PORT="8777")
    first, second = sign_in.secrets(given), sign_in.secrets(given)
    assert first is not None
    assert first == second
    auth = first["auth"]
    assert (auth["client_secret"], auth["redirect_uri"]) == ("from a file", "http://127.0.0.1:8777/oauth2callback")
    assert len(auth["cookie_secret"]) >= 32
    assert (tmp_path / "cookie-secret").stat().st_mode & 0o777 == 0o600
    assert "not shown" not in repr(settings(**SIGN_IN))
    file.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        sign_in.secrets(given)


@pytest.mark.parametrize(
    ("referrer", "page"),
    [
        ("http://127.0.0.1:8501/events?range=1h&order=a%20b", "/events?range=1h&order=a%20b"),
        ("https://evil.example//evil.example/x", "/evil.example/x"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/alert(1)"),
        ("http://[", "/"),
        ("http://here/a\r\nSet-Cookie: x=1", "/aSet-Cookie: x=1"),
        ("http://here/" + "a" * 5_000, "/"),
        ("", "/"),
    ],
)
def test_the_login_redirect_stays_on_the_site(referrer: str, page: str) -> None:
    assert login_redirect.page_of(referrer) == page
