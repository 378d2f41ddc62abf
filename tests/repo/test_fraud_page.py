"""docs/fraud.md lists the rules as the code has them."""

from __future__ import annotations

from processors.fraud.rules import CARD_RULES
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from streamgauge.domain.fraud import RULES
from streamgauge.runtime.settings import Settings
from tests.repo.files import ROOT


def rows() -> list[str]:
    """The table's rows, as the page must have them."""
    made = []
    for rule in RULES:
        methods = "all" if rule.methods == PAYMENT_METHODS else ", ".join(rule.methods)
        limits = ", ".join(f"`{name}` ({Settings.model_fields[f'fraud_{name}'].default:g})" for name in rule.settings)
        over = "card" if rule in [one.named for one in CARD_RULES] else "customer"
        made.append(f"| `{rule.name}` | {over} | {methods} | {rule.meaning} | {limits} |")
    return made


def test_the_table_is_that_of_the_code() -> None:
    page = (ROOT / "docs" / "fraud.md").read_text().splitlines()
    first = page.index("|---|---|---|---|---|") + 1
    assert page[first : first + len(RULES)] == rows()
    assert not page[first + len(RULES)].startswith("|")
