"""docs/catalog.md shows examples/sensors, and the error messages of the loader."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path

import pytest

from streamgauge.catalog import loader
from streamgauge.runtime.errors import UsageError
from tests.repo.files import ROOT

EXAMPLE = ROOT / "examples/sensors"
PAGE = (ROOT / "docs/catalog.md").read_text(encoding="utf-8")
WINDOWS, SENSORS, PACKAGE = "models/climate_windows.sql", "models/sensors.sql", "__init__.py"
# The mistakes of section 4 of the page, in order: file, correct text, wrong text.
MISTAKES = (
    (WINDOWS, "count(temperature_mc)", "count(temperature)"),
    (WINDOWS, "sum(temperature_mc)                                  AS temp", "avg(temperature_mc) AS mean_temp"),
    (WINDOWS, "GROUP BY ALL", "GROUP BY ALL ORDER BY building"),
    (SENSORS, "latest", "newest"),
    (SENSORS, "key:    sensor_id", "key:    sensor"),
    (SENSORS, "stream: readings", "stream: reading"),
    (PACKAGE, 'event_time="taken_at"', 'event_time="taken"'),
)


def flat(text: str) -> str:
    """Text without its line breaks."""
    return " ".join(text.split())


def messages() -> list[str]:
    """The error messages that the page shows."""
    section = PAGE.split("## 4. ")[1]
    return [
        flat(block) for block in re.findall(r"^streamgauge: (.+?)(?=\n\n|\n```)", section, re.MULTILINE | re.DOTALL)
    ]


def test_the_page_shows_the_example() -> None:
    """Its class and its three models, word for word."""
    shown = "\n".join(re.findall(r"^```(?:python|sql)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    package = (EXAMPLE / PACKAGE).read_text(encoding="utf-8")
    assert package[package.index("from typing") :] in shown
    for model in (EXAMPLE / "models").glob("*.sql"):
        assert model.read_text(encoding="utf-8") in shown, model.name


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_the_page_shows_the_loader_s_message(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each mistake, made in a copy of the example."""
    file, right, wrong = MISTAKES[number]
    shutil.copytree(EXAMPLE, tmp_path / "sensors", ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "sensors" / file
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sensors", raising=False)
    importlib.invalidate_caches()
    loader.streams_of.cache_clear()
    with pytest.raises(UsageError) as caught:
        loader.load("sensors")
    sys.modules.pop("sensors", None)
    assert flat(str(caught.value).replace(f"{tmp_path}/", "")) == messages()[number]


def test_every_mistake_on_the_page_is_made() -> None:
    """Each message of the page is tested."""
    assert len(messages()) == len(MISTAKES)
