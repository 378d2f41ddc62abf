"""Fixtures of the tests that define `rig`, a pipeline for their module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamgauge.warehouse.client import Warehouse
from tests.support.rig import Rig


@pytest.fixture(scope="module")
def warehouse(rig: Rig) -> Iterator[Warehouse]:
    """A client of the rig's warehouse, which need not run yet."""
    with Warehouse(rig.settings) as client:
        yield client
