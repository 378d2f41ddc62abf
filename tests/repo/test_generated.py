"""Generated pages are current; settings and metrics are documented and used."""

from __future__ import annotations

import re
import subprocess
import sys

from streamgauge.runtime.metrics import CATALOGUE
from streamgauge.runtime.settings import PREFIX, Settings
from tests.repo.files import ROOT, committed, shown


def test_generated_pages_are_current() -> None:
    """`make docs` would change nothing."""
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_is_described() -> None:
    """Each has a description, a sentence, and a row in the page."""
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith("."), f"{name} has no description that ends in a full stop"
        assert f"`{PREFIX}{name.upper()}`" in page


def test_every_setting_that_a_page_names_exists() -> None:
    """Documents, Makefile and scripts name no setting that is gone."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for path in [*committed(".md"), *committed("Makefile"), *committed("run")]:
        named = set(re.findall(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
        assert named <= known, f"{shown(path)}: {named - known}"


def test_metric_names_follow_the_convention() -> None:
    """Ours begin `streamgauge_`, or are kafka_exporter's; counters end in `_total`; each has a sentence, once."""
    names = [metric.name for metric in CATALOGUE]
    assert len(set(names)) == len(names)
    for metric in CATALOGUE:
        assert re.match(r"(streamgauge|kafka)_[a-z_]+$", metric.name)
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name
        assert metric.help.endswith("."), metric.name


def test_every_metric_of_the_catalogue_is_set_somewhere() -> None:
    """A metric that nothing sets would read as 0, or be absent."""
    folders = {"dashboard", "generators", "processors", "streamgauge"}
    catalogue = {f"streamgauge/runtime/{name}.py" for name in ("metric", "metrics", "service_metrics")}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in committed(".py")
        if path.relative_to(ROOT).parts[0] in folders and shown(path) not in catalogue
    )
    unset = {metric.name for metric in CATALOGUE if f'"{metric.name}"' not in code}
    assert unset == set()
