"""Documents: links resolve; commands, options, make targets and files that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
import typer
from typer.core import TyperGroup

from streamgauge.catalog import loader
from streamgauge.cli.main import app
from streamgauge.warehouse import schema
from streamgauge.warehouse.sql import guard
from tests.repo.files import ROOT, code, committed, shown

PAGES = committed(".md")
SQL = re.compile(r'streamgauge sql "([^"]+)"')
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?\)")


def commands() -> dict[str, set[str]]:
    """The options of each command; a group of commands has those of all its members."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    found = {}
    for name, command in group.commands.items():
        members = [command, *(command.commands.values() if isinstance(command, TyperGroup) else ())]
        found[name] = {option for member in members for parameter in member.params for option in parameter.opts}
    return {name: options | {"--help"} for name, options in found.items()}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_resolve(page: Path) -> None:
    """Every relative link is a file here, and its anchor a heading there."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{shown(page)} links to {target}"
        assert not anchor or anchor in anchors(path), f"{shown(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_commands_exist(page: Path) -> None:
    """`streamgauge NAME --option` in a page is a command and an option of it."""
    known = commands()
    for line in code(page.read_text(encoding="utf-8")):
        for name, rest in re.findall(
            r"(?<![\w./-])(?<!from )(?:\.venv/bin/)?streamgauge ([a-z][a-z-]*)([^#|·]*)", line
        ):
            assert name in known, f"{shown(page)}: streamgauge {name}"
            unknown = set(re.findall(r"(?<!\S)\[?(--[a-z-]+)", rest)) - known[name]
            assert not unknown, f"{shown(page)}: streamgauge {name} has no {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_make_targets_exist(page: Path) -> None:
    """`make NAME` in a page is a target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for line in code(page.read_text(encoding="utf-8")) for name in re.findall(r"\bmake ([a-z]+)", line)}
    assert named <= targets, f"{shown(page)}: {named - targets}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_files_exist(page: Path) -> None:
    """A file or folder of the repository that a page names is there."""
    folders = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    spans = code(page.read_text(encoding="utf-8"))
    named = {span for span in spans if re.fullmatch(rf"(?:{folders})/[\w./*-]+", span)}
    assert {name for name in named if not list(ROOT.glob(name.rstrip("/")))} == set(), shown(page)


@pytest.fixture(scope="module")
def warehouse() -> duckdb.DuckDBPyConnection:
    """An empty warehouse of the commerce catalog."""
    connection = duckdb.connect(":memory:")
    schema.ensure(connection, loader.load("streamgauge.catalog.commerce"), "test")
    return connection


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "catalog.md"], ids=shown)
def test_the_sql_of_a_page_runs(page: Path, warehouse: duckdb.DuckDBPyConnection) -> None:
    """`streamgauge sql "…"` passes the guard and runs, on the tables of the commerce catalog."""
    tables = frozenset(row[0] for row in warehouse.execute("SELECT table_name FROM duckdb_tables()").fetchall())
    views = frozenset(row[0] for row in warehouse.execute("SELECT view_name FROM duckdb_views()").fetchall())
    for statement in SQL.findall(page.read_text(encoding="utf-8")):
        guard.check(warehouse, statement, tables | views)
        warehouse.execute(statement)


def test_every_page_is_reachable_from_the_index() -> None:
    """From docs/README.md, by links from page to page."""
    index = ROOT / "docs/README.md"
    reached, pending = {index}, [index]
    while pending:
        page = pending.pop()
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path not in reached:
                reached.add(path)
                pending.append(path)
    assert [shown(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in reached] == []


def test_make_help_has_every_target() -> None:
    """Every target has a help text, except `components`, a step of `test`."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    silent = re.findall(r"^([a-z]+):(?!.*##)", makefile, re.MULTILINE)
    assert silent == ["components"]


def test_every_decision_is_in_the_architecture() -> None:
    """Decisions are numbered without gaps, and architecture.md links to each."""
    pages = [page.name for page in committed(".md") if page.parent.name == "adr"]
    numbers = [int(name[:4]) for name in pages]
    assert numbers == list(range(1, len(pages) + 1))
    architecture = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert [name for name in pages if f"(adr/{name})" not in architecture] == []
