"""docker-compose.yml: valid for docker-compose and the schema, pinned, secured, consistent with the code."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from processors.registry import PROCESSORS
from streamgauge.cli.local.kafka import lock
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.settings import PREFIX, Settings
from tests.deploy import compose
from tests.repo.files import ROOT
from tests.support.requirements import require, run_program

# Debian's docker-compose brings the schema of the Compose specification.
COMPOSE_SCHEMA = Path("/usr/lib/python3/dist-packages/compose/config/compose_spec.json")
EXTRA = ROOT / "deploy/compose/grafana-admin.yml"
PROMETHEUS = ROOT / "deploy/prometheus/prometheus.yml"
METRICS_PORT = 9101
ALL = sorted(compose.services())
OURS = sorted(compose.ours())


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Where each volume or folder is mounted: source by target."""
    pairs = [str(volume).split(":")[:2] for volume in service.get("volumes", [])]
    return {target: source for source, target in pairs}


@pytest.mark.parametrize("files", [[compose.FILE], [compose.FILE, EXTRA]], ids=["alone", "with an administrator"])
def test_docker_compose_accepts_it(files: list[Path], tmp_path: Path) -> None:
    """Debian's docker-compose merges, interpolates and validates it, without an engine."""
    (tmp_path / ".env").write_text("GRAFANA_ADMIN_PASSWORD=of the test\n")
    options = [word for file in files for word in ("-f", str(file))]
    variables = ("--env-file", str(tmp_path / ".env"))
    done = run_program("docker-compose", *variables, *options, "config", package="docker-compose")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert set(yaml.safe_load(done.stdout)["services"]) == set(ALL)


def test_the_compose_specification_allows_it() -> None:
    """By its schema; without `version`, for which Compose 2 warns."""
    require(COMPOSE_SCHEMA.exists(), "needs the schema of Compose: apt-get install docker-compose")
    for file in (compose.FILE, EXTRA):
        project = yaml.safe_load(file.read_text(encoding="utf-8"))
        jsonschema.Draft201909Validator(json.loads(COMPOSE_SCHEMA.read_text(encoding="utf-8"))).validate(project)
        assert "version" not in project


def test_images_are_pinned_and_tested() -> None:
    """Full versions; Kafka's is the local broker's, Grafana's is the one that its dashboards are built for."""
    images = {name: service["image"] for name, service in compose.services().items()}
    for image in images.values():
        assert re.fullmatch(r"[a-z./]+:v?\d+\.\d+\.\d+", image), image
    assert images["kafka"] == f"apache/kafka:{lock.load().version}"
    assert images["grafana"].rpartition(":")[2] == version("grafana-foundation-sdk").rpartition("!")[2]
    assert {images[name] for name in OURS} == {f"streamgauge:{version('streamgauge')}"}


@pytest.mark.parametrize("name", ALL)
def test_every_service_is_bounded(name: str) -> None:
    """A memory limit, a health check, a restart policy, no new privileges, ports on localhost only."""
    service = compose.services()[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"] == ("no" if name == "topics" else "unless-stopped")
    assert ("test" in service["healthcheck"]) == (name != "topics")
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", compose.plain(port)), port
    if name in OURS:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", [*(processor.name for processor in PROCESSORS if processor.scales), "generate"])
def test_processors_scale(name: str) -> None:
    """No published port, no fixed name, no shared volume."""
    service = compose.services()[name]
    assert not {"ports", "container_name", "hostname", "volumes"} & service.keys()


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings(name: str) -> None:
    """Every variable is a setting with a valid value."""
    environment = compose.environment(compose.services()[name])
    assert all(variable.startswith(PREFIX) for variable in environment)
    settings = settings_module.load(environment)
    assert settings.metrics_port == METRICS_PORT
    assert settings.bootstrap_servers == "kafka:19092"


@pytest.mark.parametrize("name", OURS)
def test_written_folders_are_mounted(name: str) -> None:
    """The file system is read-only: the data folder is in memory or on a volume, and no target is mounted twice."""
    service = compose.services()[name]
    places = [*service["tmpfs"], *mounts(service)]
    assert {"/tmp", compose.environment(service)["STREAMGAUGE_DATA_DIR"]} <= set(places)  # noqa: S108
    assert len(places) == len(set(places))
    token = compose.environment(service).get("STREAMGAUGE_SQL_TOKEN_FILE")
    assert token is None or str(Path(token).parent) in places


def test_published_ports_are_the_ones_served() -> None:
    """The container port is the process's default port."""
    defaults = Settings()
    served = {"warehouse": defaults.sql_port, "dashboard": defaults.dashboard_port}
    for name in OURS:
        inside = [int(compose.plain(port).rpartition(":")[2]) for port in compose.services()[name].get("ports", [])]
        assert inside == ([served[name]] if name in served else [])


def test_prometheus_scrapes_every_process() -> None:
    """By the names of the services, on their metrics port."""
    configuration = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))
    found = [sd for job in configuration["scrape_configs"] for sd in job.get("dns_sd_configs", [])]
    assert {name for sd in found for name in sd["names"]} == set(OURS) - {"topics"}
    assert {sd["port"] for sd in found} == {METRICS_PORT}


@pytest.mark.parametrize("name", ALL)
def test_dependencies_can_be_met(name: str) -> None:
    """`healthy` needs a health check, `completed` a service that ends; there is no cycle."""
    for other, condition in compose.waits_for(compose.services()[name]).items():
        assert condition == ("service_completed_successfully" if other == "topics" else "service_healthy")
    assert name in compose.start_order()


def test_volumes_are_declared_and_folders_exist() -> None:
    """Else Compose would create an empty folder, and Prometheus or Grafana would start without configuration."""
    sources = {source for service in compose.services().values() for source in mounts(service).values()}
    named = {source for source in sources if not source.startswith((".", "/"))}
    assert named == compose.volumes()
    assert [source for source in sources - named if not (ROOT / source).exists()] == []


def test_no_secret_is_in_it() -> None:
    """Secrets come from a volume or from `.env`, which is not committed."""
    for file in (compose.FILE, EXTRA):
        for service in yaml.safe_load(file.read_text(encoding="utf-8"))["services"].values():
            for variable, value in service.get("environment", {}).items():
                if re.search(r"PASSWORD|TOKEN|SECRET|KEY", variable) and not variable.endswith("_FILE"):
                    assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)), variable
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
