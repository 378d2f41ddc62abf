"""The wheel in a fresh environment, installed without requirements.lock, as `pip install streamgauge` does.

One installation serves all tests here. They run in folders of their own, with no checkout on the module search path.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from streamgauge.cli.local.ports import free_port
from tests.repo.files import ROOT, committed
from tests.support.requirements import require_kafka

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]
PACKAGES = {"streamgauge", "processors", "dashboard", "generators"}
# A user's modules that share a name with ours, with folders inside ours, or with Python's own.
NAMESAKES = ("runtime", "catalog", "warehouse", "dashboard", "processors", "grafana", "data", "session", "statistics")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the committed files alone."""
    source = tmp_path_factory.mktemp("source")
    for path in committed():
        name = path.relative_to(ROOT)
        if name.parts[0] in {*PACKAGES, "grafana", "tests", "benchmarks", "pyproject.toml", "README.md"}:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, source / name)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(source / "dist"), str(source))
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh virtual environment with the wheel and the dependencies that pip chose."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    # Without compiling: most modules are never imported.
    _pip("--python", str(folder / "bin/python"), "install", "--no-compile", str(wheel))
    return folder / "bin"


def _pip(*arguments: str) -> None:
    """Run pip. Skips the test if there is no registry, and fails it in CI."""
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        if "Retrying" in done.stderr + done.stdout and not os.environ.get("CI"):
            pytest.skip("pip reaches no registry")
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def run(
    folder: Path, *command: str, settings: Mapping[str, object] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with these settings and none of the tests' own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("STREAMGAUGE_", "PYTHON"))}
    environ |= {f"STREAMGAUGE_{name}": str(value) for name, value in (settings or {}).items()}
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def test_the_wheel_has_runtime_packages_only(wheel: Path) -> None:
    """Four packages with every module and data file, and no tool of the repository."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == PACKAGES
    expected = {str(path.relative_to(ROOT)) for path in committed() if path.relative_to(ROOT).parts[0] in PACKAGES}
    assert {name for name in names if ".dist-info/" not in name} == expected
    suffixes = {Path(name).suffix for name in expected}
    assert suffixes == {".py", ".js", ".sql", ".txt", ".lock", ".properties", ".typed"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_modules_of_the_user_shadow_nothing(environment: Path, tmp_path: Path) -> None:
    """`up` in a folder with modules of the user's own: nothing missing, and none of them is imported."""
    require_kafka()
    for number, name in enumerate(NAMESAKES):
        module = tmp_path / f"{name}.py" if number % 2 else tmp_path / name / "__init__.py"
        module.parent.mkdir(exist_ok=True)
        module.write_text(f"raise SystemExit('{name} of the user was imported')\n")
    settings = {"BROKER_HEAP": "512m", **{f"{name}_PORT": free_port() for name in ("BROKER", "SQL", "DASHBOARD")}}
    command = (str(environment / "python"), "-m", "streamgauge", "up", "--for", "5", "--rate", "100")
    done = run(tmp_path, *command, settings=settings, timeout_s=600)
    summary = dict(re.findall(r"^(\S+(?: \S+)*)  +([\d,]+)(?: |$)", done.stdout, re.MULTILINE))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "was imported" not in done.stderr + done.stdout
    assert (summary["missing"], summary["restarts"]) == ("0", "0"), done.stderr + done.stdout
    assert int(summary["visible in SQL"].replace(",", "")) > 400
    assert (tmp_path / ".streamgauge").is_dir()


@pytest.mark.parametrize("command", [("streamgauge",), ("python", "-m", "streamgauge")], ids=" ".join)
def test_a_catalog_in_the_working_directory_is_found(
    environment: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """By both ways to start it; the only error is then that there is no Kafka."""
    shutil.copytree(ROOT / "examples/sensors", tmp_path / "climate")
    program = (str(environment / command[0]), *command[1:], "topics")
    here = {"CATALOG": "climate", "BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}"}
    assert "no Kafka broker answers" in run(tmp_path, *program, settings=here).stderr
    (tmp_path / "elsewhere").mkdir()
    assert "catalog `climate` cannot be imported" in run(tmp_path / "elsewhere", *program, settings=here).stderr


def test_query_is_the_public_api(environment: Path, tmp_path: Path) -> None:
    """Found without loading pyarrow; without a warehouse it names the command that starts one."""
    code = "import streamgauge, sys; assert 'pyarrow' not in sys.modules; streamgauge.query('SELECT 1')"
    done = run(tmp_path, str(environment / "python"), "-c", code)
    assert "WarehouseUnavailable" in done.stderr
    assert "`streamgauge up`" in done.stderr
    assert "make" not in done.stderr.splitlines()[-1]
