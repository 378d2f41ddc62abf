"""What a client's own certificate says: whom it names, and until when it holds."""

from __future__ import annotations

import _ssl
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# As Java abbreviates them, and with it Kafka's rules.
_SHORT = {
    "commonName": "CN",
    "organizationalUnitName": "OU",
    "organizationName": "O",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}


def subject(path: Path) -> str | None:
    """The subject as Kafka's principals have it, `CN=shop,O=Acme`; None where it cannot be told."""
    parts = [part for group in reversed(_read(path).get("subject", ())) for part in group]
    if not parts or any(name not in _SHORT or set(value) & set(',+"\\<>;=') for name, value in parts):
        return None
    return ",".join(f"{_SHORT[name]}={value}" for name, value in parts)


def expired(path: Path) -> datetime | None:
    """When it ran out; None where it holds, or cannot be read."""
    end = _read(path).get("notAfter")
    at = None if end is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(end), UTC)
    return at if at is not None and at < datetime.now(UTC) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        # The standard library has this under no public name for a certificate that came over no connection.
        return dict(_ssl._test_decode_cert(str(path)))  # type: ignore[attr-defined,unused-ignore]  # noqa: SLF001
    except (OSError, ssl.SSLError, AttributeError):
        return {}
