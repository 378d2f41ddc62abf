"""CSS that reaches into Streamlit's markup: what it names is there in the installed version."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit

from dashboard import theme

# The button of a table that downloads it as CSV, without a guard against formulas.
HIDDEN = re.compile(
    r'^\[data-testid="(?P<testid>\w+)"\]:has\(\[aria-label\^="(?P<label>Download[^"]*)"\]\) { display: none; }$', re.M
)


def test_no_table_offers_a_download_that_is_not_guarded_against_formulas() -> None:
    rule = HIDDEN.search(theme.CSS)
    assert rule
    scripts = [path.read_text(encoding="utf-8") for path in (Path(streamlit.__file__).parent / "static").rglob("*.js")]
    assert any(f'"data-testid":`{rule["testid"]}`' in one for one in scripts)
    assert any(f"label:`{rule['label']}`" in one for one in scripts)
