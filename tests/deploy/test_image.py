"""deploy/Dockerfile, checked without building it: base, copied files, packages, user."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from deploy import locked
from streamgauge.runtime import settings as settings_module
from tests.deploy import compose
from tests.repo.files import ROOT, text

# Instructions, one per line, without comments.
LINES = [
    re.sub(r" +", " ", line)
    for line in re.sub(r"^#.*\n", "", (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    .replace("\\\n", " ")
    .splitlines()
    if line.strip()
]
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of that name, in order."""
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def copied() -> list[str]:
    """The paths copied from the repository."""
    return [path for words in instructions("COPY") if "--from" not in words for path in words.split()[:-1]]


def in_context(path: str) -> bool:
    """Whether .dockerignore includes a path: the last pattern that matches it, or a parent folder, decides."""
    kept = True
    parents = ["/".join(path.split("/")[: depth + 1]) for depth in range(path.count("/") + 1)]
    for pattern in IGNORED:
        bare = pattern.removeprefix("!").removeprefix("**/")
        if not bare or bare.startswith("#"):
            continue
        names = [*parents, *path.split("/")] if "**/" in pattern else parents
        if any(fnmatch.fnmatchcase(name, bare) for name in names):
            kept = pattern.startswith("!")
    return kept


def test_the_base_is_pinned_and_both_stages_have_it() -> None:
    """A full, supported version on a named Debian release."""
    (pin,) = instructions("ARG")
    found = re.fullmatch(r"PYTHON=(\d+\.\d+)\.\d+-slim-\w+", pin)
    assert found
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    assert tuple(map(int, found[1].split("."))) >= (3, 11)
    assert instructions("FROM") == ["python:${PYTHON} AS build", "python:${PYTHON}"]


def test_what_is_copied_exists_and_is_in_the_context() -> None:
    """A missing path, or one that .dockerignore excludes, would fail the build."""
    for path in copied():
        assert (ROOT / path).exists(), path
        for file in [ROOT / path] if (ROOT / path).is_file() else (ROOT / path).rglob("*.py"):
            assert in_context(str(file.relative_to(ROOT))), file


def test_every_package_is_copied() -> None:
    """And the files that the build reads."""
    packages = {name.rstrip("*") for name in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert {*packages, "pyproject.toml", "requirements.lock", "deploy/locked.py", PROJECT["project"]["readme"]} == {
        *copied()
    }


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".env",
        "tests/conftest.py",
        "grafana/generated/alerts/a.yaml",
        ".streamgauge/sql-token",
        "streamgauge/runtime/__pycache__/stop.cpython-311.pyc",
    ],
)
def test_nothing_else_is_in_the_context(path: str) -> None:
    """No history, secrets, data or caches."""
    assert not in_context(path)


def test_it_does_not_run_as_root() -> None:
    """By number, which Kubernetes can check, in the last stage."""
    assert instructions("USER") == ["10001:10001"]
    assert LINES.index("USER 10001:10001") > LINES.index("FROM python:${PYTHON}")
    manifest = text(ROOT / "deploy/kubernetes/base/pod.yaml") or ""
    assert "runAsUser: 10001" in manifest


def test_its_health_check_is_that_of_compose() -> None:
    """The same check in both files, which cannot share it."""
    (line,) = instructions("HEALTHCHECK")
    options, _, command = line.partition(" CMD ")
    for service in compose.ours().values():
        if "test" in service["healthcheck"]:
            assert ["CMD", *json.loads(command)] == service["healthcheck"]["test"]
            assert dict(re.findall(r"--(\S+)=(\S+)", options)) == {
                name.replace("_", "-"): str(value) for name, value in service["healthcheck"].items() if name != "test"
            }


def test_its_variables_are_settings() -> None:
    """The image's variables are valid settings, and its exposed ports are those of the processes."""
    words = dict(word.split("=", 1) for line in instructions("ENV") for word in line.split())
    ours = {name: value for name, value in words.items() if name.startswith(settings_module.PREFIX)}
    settings = settings_module.load(ours)
    (ports,) = instructions("EXPOSE")
    assert {*map(int, ports.split())} == {settings.dashboard_port, settings.sql_port, settings.metrics_port}


def dependencies(name: str, extra: str = "") -> set[str]:
    """The transitive dependencies of an installed package, by its metadata."""
    found: set[str] = set()
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            child = locked.canonical(requirement.name)
            found |= {child} | {one for also in requirement.extras or {""} for one in dependencies(child, also)}
    return found


def test_the_image_has_runtime_packages_only() -> None:
    """All transitive dependencies by the packages' metadata, and no development tools."""
    command = [sys.executable, "deploy/locked.py", "--project"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lock = locked.entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    chosen = locked.entries(printed)
    assert dependencies("streamgauge") <= set(chosen)
    assert not {"pytest", "mypy", "ruff", "playwright", "setuptools", "kubernetes-validate"} & set(chosen)
    assert all(lock[name] == entry for name, entry in chosen.items())
    assert "".join(chosen.values()) == printed


def test_a_name_that_is_not_locked_is_an_error() -> None:
    """Instead of an image without it."""
    with pytest.raises(KeyError):
        locked.closure({}, ["setuptools"])
