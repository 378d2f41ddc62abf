"""What others named or wrote is shown as it is: no markup, no emoji codes, no control sequences."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from streamgauge.cli import main, output
from streamgauge.cli.local.journal import Journal
from streamgauge.cli.terminal import Screen, Text
from streamgauge.runtime import process
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.printable import json_text, printable

NAMES = {
    "billing[prod]": "billing[prod]",
    "audit[/red]": "audit[/red]",
    "App.Scheduler`1[[App.Jobs.Bulk, App, Version=1.0]]": "App.Scheduler`1[[App.Jobs.Bulk, App, Version=1.0]]",
    ":warning:": ":warning:",
    "two\nlines": "two\\nlines",
    "\x1b[2Jcleared": "\\x1b[2Jcleared",
    "\x07bell\x9b31m": "\\x07bell\\x9b31m",
    "right\u202eleft": "right\\u202eleft",
    "Bücher-報告": "Bücher-報告",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_a_name_is_text_wherever_it_stands(name: str, expected: str) -> None:
    file = io.StringIO()
    screen = Screen(file, width=200)
    screen.print(f"line {name}|")
    screen.print(Text(f"text {name}|", style="red"))
    screen.print(Text.of(("of ", "bold"), name, (f"{name}|", "red")))
    grid = Table(name, title=name, box=None)
    grid.add_column(Text(name))
    grid.add_row(name, Text(name))
    screen.print(grid)
    lines = file.getvalue().splitlines()
    assert lines[:3] == [f"line {expected}|", f"text {expected}|", f"of {expected}{expected}|"]
    assert lines[3].strip() == expected
    for line in lines[4:]:
        assert line.count(expected) == 2
    assert len(lines) == 6


def test_columns_are_as_wide_as_what_is_shown() -> None:
    file = io.StringIO()
    grid = Table("group", "lag", box=None, pad_edge=False)
    for name in NAMES:
        grid.add_row(name, "1")
    Screen(file, width=200).print(grid)
    assert [line.partition(" 1")[0].rstrip() for line in file.getvalue().splitlines()[1:]] == list(NAMES.values())


@given(st.text())
def test_nothing_but_line_ends_of_our_own_reaches_a_terminal(text: str) -> None:
    file = io.StringIO()
    Screen(file, width=1_000).print(text)
    Journal(("a",), file).write("a", text.replace("\n", " "))
    assert all(line.isprintable() for line in file.getvalue().split("\n"))
    assert printable(printable(text)) == printable(text)


def test_lines_notes_and_errors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise UsageError("no group `\x1b[2J\n`")

    output.line("a\x1bb")
    output.note("c\x1bd\ne")
    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit, match="2"):
        main.main()
    out, err = capsys.readouterr()
    assert out == "a\\x1bb\n"
    assert err == "c\\x1bd\\ne\nstreamgauge: no group `\\x1b[2J\\n`\n"


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_is_exact_and_harmless(value: object) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert not {"\x1b", "\x7f", "\x9b", "\u202e", "\n"} & set(text)


@pytest.fixture
def levels_kept() -> Iterator[None]:
    """The levels of loggers as before afterwards."""
    root, log = logging.getLogger(), logging.getLogger("streamgauge")
    levels = root.level, log.level
    yield
    root.setLevel(levels[0])
    log.setLevel(levels[1])


def test_log_entries_are_one_line_each(capsys: pytest.CaptureFixture[str], levels_kept: None) -> None:
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        process.set_up_logging("INFO")
        log = logging.getLogger("streamgauge")
        log.warning("group %s", "two\nlines\x1b[2J")
        try:
            raise ValueError("bad\x1b[2J")
        except ValueError:
            log.exception("failed")
    finally:
        # Within the call: pytest removes its own handlers at the end of it, from this list.
        root.handlers[:] = before
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("WARNING group two\\nlines\\x1b[2J")
    assert lines[-1] == "ValueError: bad\\x1b[2J"
    assert any(line.startswith("  File ") for line in lines)
