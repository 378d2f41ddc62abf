"""librdkafka's connection options from the settings."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import PREFIX, Settings

_CONNECTION = (
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
    "ssl_ca_location",
    "ssl_certificate_location",
    "ssl_key_location",
    "ssl_key_password",
)


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def client_config(settings: Settings) -> dict[str, Any]:
    """librdkafka's connection options (addresses, protocol, credentials), under its own names.

    Raises `UsageError` for credentials that are not complete, and for a file that cannot be read.
    """
    config: dict[str, Any] = {"bootstrap.servers": settings.bootstrap}
    for name in _CONNECTION:
        value = getattr(settings, name)
        if value is not None:
            config[name.replace("_", ".")] = _plain(value)
    _check(settings)
    return config


def _check(settings: Settings) -> None:
    """librdkafka's own words for these are `system lib` and `GSSAPI`."""
    if "SASL" in settings.security_protocol:
        for name in ("sasl_mechanism", "sasl_username", "sasl_password"):
            if getattr(settings, name) is None:
                raise UsageError(
                    f"{PREFIX}SECURITY_PROTOCOL is {settings.security_protocol}, which needs {PREFIX}{name.upper()} too"
                )
    if "SSL" not in settings.security_protocol:
        return
    for name in ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location"):
        path = getattr(settings, name)
        if path is None or (name == "ssl_ca_location" and path.is_dir()):
            continue
        try:
            path.open("rb").close()
        except OSError as error:
            raise UsageError(f"{PREFIX}{name.upper()}: cannot read {path} ({error.strerror})") from None
