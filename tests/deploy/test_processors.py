"""processors/registry.py against everything that is kept by hand: each failure names the file and what it lacks."""

from __future__ import annotations

import importlib

import pytest
import yaml

from processors.registry import PROCESSORS, Processor
from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC
from streamgauge.cli.local import stack
from streamgauge.runtime.metrics import CATALOGUE
from streamgauge.runtime.settings import Settings
from tests.deploy import compose
from tests.repo.files import ROOT

BASE = ROOT / "deploy/kubernetes/base"
each = pytest.mark.parametrize("processor", PROCESSORS, ids=lambda processor: processor.name)


def lacks(file: str, what: str) -> str:
    """A failure's message."""
    return f"{file} lacks {what} (docs/how-to/add-a-processor.md)"


def test_every_package_is_in_the_registry() -> None:
    """A package with a `service` is a processor; `streaming` is what the stateful ones have in common."""
    packages = {path.parent.name for path in (ROOT / "processors").glob("*/service.py")} - {"streaming"}
    missing = packages - {processor.name for processor in PROCESSORS}
    assert not missing, lacks("processors/registry.py", f"a row for {', '.join(sorted(missing))}")


@each
def test_it_can_be_started(processor: Processor) -> None:
    """Its module is where `streamgauge process` imports it from; its `NAME`, if any, is the registry's."""
    module = importlib.import_module(f"processors.{processor.name}.service")
    assert callable(module.main)
    assert getattr(module, "NAME", processor.name) == processor.name


@each
def test_its_topics_are_streams(processor: Processor) -> None:
    """Else nothing would create them."""
    known = {"*", ANALYTICS_TOPIC, *loader.load("streamgauge.catalog.commerce").streams}
    missing = {*processor.inputs, *processor.outputs} - known
    assert not missing, lacks("streamgauge/catalog/commerce/__init__.py", f"the streams {', '.join(sorted(missing))}")


@each
def test_its_settings_exist(processor: Processor) -> None:
    """By name or by prefix."""
    for name in processor.settings:
        found = [
            field for field in Settings.model_fields if field.startswith(name) and (name[-1] == "_" or field == name)
        ]
        assert found, lacks("streamgauge/runtime/service_settings.py", f"a setting {name}")


def test_metrics_name_a_process() -> None:
    """Every process of the metrics' catalogue is a processor, or one of the others."""
    others = {"all", "streaming", "shop", "warehouse", "dashboard", "generate"}
    unknown = {metric.process for metric in CATALOGUE} - others - {processor.name for processor in PROCESSORS}
    assert not unknown, lacks("processors/registry.py", f"the process {', '.join(sorted(unknown))} of its metrics")


def test_metrics_ports_are_apart() -> None:
    """Each process of the one-machine stack has its own, without a gap."""
    assert sorted(stack.PORTS.values()) == list(range(len(stack.PORTS))), "processors/registry.py: choose the next port"


@each
def test_compose_runs_it(processor: Processor) -> None:
    """A service of its name."""
    commands = {name: compose.command(service) for name, service in compose.ours().items()}
    service = commands.get(processor.name)
    assert service == ["process", processor.name], lacks("docker-compose.yml", f"the service {processor.name}")


@each
def test_prometheus_scrapes_it(processor: Processor) -> None:
    """Under its service's name."""
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    names = job["dns_sd_configs"][0]["names"]
    assert processor.name in names, lacks("deploy/prometheus/prometheus.yml", f"{processor.name}: run `make grafana`")


@each
def test_kubernetes_runs_it(processor: Processor) -> None:
    """Stateful ones by a generated manifest, the others by one in the base's list."""
    folder = BASE / "generated" if processor.stateful else BASE
    resources = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    where = f"{(folder / 'kustomization.yaml').relative_to(ROOT)}"
    hint = ": run `make grafana`" if processor.stateful else ""
    assert f"{processor.name}.yaml" in resources, lacks(where, f"{processor.name}.yaml{hint}")
    first = next(yaml.safe_load_all((folder / f"{processor.name}.yaml").read_text()))
    (container,) = first["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["process", processor.name]
