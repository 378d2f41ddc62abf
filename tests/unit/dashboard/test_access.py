"""Who may act: the settings against what a provider says, and settings that cannot be meant."""

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
    "DASHBOARD_OIDC_CLIENT_SECRET": "not told",
    "DASHBOARD_OPERATORS": "Olga@shop.example, *@ops.shop.example",
}
NAMED = "you are not one of the operators"


def settings(**environ: str) -> Settings:
    return settings_module.load({f"STREAMGAUGE_{name}": value for name, value in environ.items()})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_whoever_is_at_this_machine_acts_as_its_user(host: str) -> None:
    reader = access.judge(settings(DASHBOARD_HOST=host))
    assert (reader.name, reader.role, reader.why_not) == (getpass.getuser(), "operator", None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "::", "shop.example"])  # noqa: S104 - not bound
def test_nobody_acts_from_elsewhere_unless_signed_in(host: str) -> None:
    reader = access.judge(settings(DASHBOARD_HOST=host))
    assert (reader.name, reader.role) == (None, "viewer")


def test_read_only_is_for_everybody() -> None:
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
        ({"email": "olga@shop.example", "email_verified": False}, NAMED),
        ({"email": "olga@shop.example", "email_verified": "false"}, NAMED),
        ({"email": "vera@shop.example"}, NAMED),
        ({"email": "vera@sub.ops.shop.example"}, NAMED),
        ({"email": "vera@evilops.shop.example"}, NAMED),
        ({"email": "vera@evil.example@ops.shop.example"}, NAMED),
        ({"email": "*@ops.shop.example.evil.example"}, NAMED),
        ({"email": "@ops.shop.example"}, NAMED),
        ({"name": "olga@shop.example", "sub": "olga@shop.example"}, NAMED),
        ({}, NAMED),
        ({"email": "olga@shop.example", "is_logged_in": False}, "you are not signed in"),
    ],
)
def test_a_signed_in_reader_acts_where_the_settings_name_them(claims: dict[str, Any], why_not: str | None) -> None:
    assert access.judge(settings(**SIGN_IN), {"is_logged_in": True, **claims}).why_not == why_not


def test_nobody_named_nobody_acts() -> None:
    given = settings(**{**SIGN_IN, "DASHBOARD_OPERATORS": ""})
    assert access.judge(given, {"is_logged_in": True, "email": "olga@shop.example"}).why_not == NAMED


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"DASHBOARD_OPERATORS": "olga@shop.example"}, "DASHBOARD_OPERATORS needs a sign-in"),
        ({"DASHBOARD_OIDC_CLIENT_ID": "streamgauge"}, "DASHBOARD_OIDC_CLIENT_ID needs a sign-in"),
        ({**SIGN_IN, "DASHBOARD_OIDC_CLIENT_ID": ""}, "a sign-in needs STREAMGAUGE_DASHBOARD_OIDC_CLIENT_ID"),
        ({**SIGN_IN, "DASHBOARD_OIDC_CLIENT_SECRET": ""}, "needs STREAMGAUGE_DASHBOARD_OIDC_CLIENT_SECRET"),
        ({**SIGN_IN, "DASHBOARD_HOST": "192.168.1.4"}, "needs STREAMGAUGE_DASHBOARD_OIDC_REDIRECT_URL"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(environ: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sign_in.check(settings(**environ))


def test_pages_that_anybody_reads_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    sign_in.check(settings())
    sign_in.check(
        settings(**SIGN_IN, DASHBOARD_HOST="::", DASHBOARD_OIDC_REDIRECT_URL="https://g.example/oauth2callback")
    )
    assert caplog.records == []
    sign_in.check(settings(DASHBOARD_HOST="0.0.0.0"))  # noqa: S104 - not bound
    (warning,) = caplog.records
    assert "without a sign-in" in warning.getMessage()


def test_the_secrets_come_from_settings_or_files_and_no_other_place(tmp_path: Path) -> None:
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
    assert "not told" not in repr(settings(**SIGN_IN))
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
def test_the_way_back_never_leaves_the_site(referrer: str, page: str) -> None:
    assert login_redirect.page_of(referrer) == page
