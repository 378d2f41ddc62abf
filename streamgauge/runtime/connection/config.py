"""librdkafka's connection options from the settings."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import PREFIX, Settings


class _Detail(logging.Filter):
    """Entries of any level become details, which are logged at DEBUG only."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return logging.getLogger("streamgauge").isEnabledFor(logging.DEBUG)


_librdkafka = logging.getLogger("streamgauge.librdkafka")
_librdkafka.addFilter(_Detail())
# Options of a client whose failures the caller reports itself. What librdkafka logs all the same (an error that is
# fatal to a producer) would be a second line of the same failure, and without a logger go past ours.
QUIET: dict[str, Any] = {"log_level": 0, "logger": _librdkafka}
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


_OWN = ("ssl_certificate_location", "ssl_key_location")


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
    own: dict[str, Path | None] = {name: getattr(settings, name) for name in _OWN}
    if any(own.values()) and not all(own.values()):
        # librdkafka would show none to the broker, or fail with `no certificate assigned`.
        given, lacking = sorted(own, key=lambda name: own[name] is None)
        raise UsageError(f"{PREFIX}{given.upper()} needs {PREFIX}{lacking.upper()} too; one PEM file may be both")
