"""deploy/kubernetes, rendered by kustomize: valid, secured, consistent with settings and Compose."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from processors.registry import PROCESSORS
from streamgauge.cli.local.kafka import lock
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.settings import Settings
from tests.deploy import compose, crd
from tests.repo.files import ROOT
from tests.support.requirements import run_program

FOLDERS = ["base", "overlays/example"]
STRIMZI = {"Kafka", "KafkaNodePool", "KafkaUser"}
# The oldest version with upstream support, and the newest with a schema.
VERSIONS = ["1.32", kubernetes_validate.latest_version()]
# Created by Strimzi, except the token (docs/kubernetes.md).
SECRETS = {"streamgauge", "streamgauge-sql", "kafka-cluster-ca-cert"}
OURS = sorted(set(compose.ours()) - {"topics"})
SCALED = sorted(processor.name for processor in PROCESSORS if processor.scales)
Resource = dict[str, Any]


@cache
def rendered(folder: str) -> tuple[Resource, ...]:
    """Every resource of a base or an overlay."""
    path = f"deploy/kubernetes/{folder}"
    done = run_program("kubectl", "kustomize", path, package="kubernetes-client")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return tuple(yaml.safe_load_all(done.stdout))


def of(kind: str, name: str | None = None, folder: str = "base") -> Resource:
    """The one resource of that kind (and name)."""
    (found,) = [
        one for one in rendered(folder) if one["kind"] == kind and (name is None or one["metadata"]["name"] == name)
    ]
    return found


def workload(name: str) -> Resource:
    """The Deployment or StatefulSet of a process."""
    (found,) = [
        one
        for one in rendered("base")
        if one["kind"] in ("Deployment", "StatefulSet") and one["metadata"]["name"] == name
    ]
    return found


def pod(name: str) -> Resource:
    """The pod of a process."""
    spec: Resource = workload(name)["spec"]["template"]["spec"]
    return spec


def container(name: str) -> Resource:
    """The one container of a process."""
    (found,) = pod(name)["containers"]
    return dict(found)


def environment(of_container: Resource) -> dict[str, str]:
    """A container's variables, with a placeholder for each secret."""
    (source,) = of_container["envFrom"]
    values: dict[str, str] = dict(of("ConfigMap", source["configMapRef"]["name"])["data"])
    return values | {one["name"]: one.get("value", "secret") for one in of_container.get("env", [])}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_kubernetes_accepts_it(folder: str, version: str) -> None:
    """Every resource is valid by its schema, without unknown fields; none is unchecked."""
    for resource in rendered(folder):
        if resource["kind"] in crd.kinds():
            crd.validate(resource)
        elif resource["kind"] not in STRIMZI:
            kubernetes_validate.validate(resource, version, strict=True)


def test_a_misspelt_field_of_a_custom_resource_is_found() -> None:
    """The validation itself: at the top level, and nested."""
    scaled = of("ScaledObject", "analytics")
    for wrong in (
        {**scaled, "spec": {**scaled["spec"], "maxReplicas": 3}},
        {**scaled, "spec": {**scaled["spec"], "triggers": [{"type": "kafka", "meta": {}}]}},
        {**scaled, "spec": {**scaled["spec"], "pollingInterval": "15s"}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            crd.validate(wrong)


def test_strimzi_resources_have_known_fields() -> None:
    """Its definitions are in no package: the fields in use, by hand, of its v1 API."""
    kafka, nodes, user = of("Kafka")["spec"], of("KafkaNodePool"), of("KafkaUser")
    assert {of(kind)["apiVersion"] for kind in STRIMZI} == {"kafka.strimzi.io/v1"}
    assert set(kafka) == {"kafka", "entityOperator"}
    # v1: storage, replicas and resources belong to the node pools.
    assert set(kafka["kafka"]) == {"version", "listeners", "authorization", "config"}
    assert kafka["kafka"]["version"] == lock.load().version
    (listener,) = kafka["kafka"]["listeners"]
    assert {listener["type"], listener["name"]} == {"internal", "tls"}
    assert listener["tls"] is True
    assert listener["authentication"] == user["spec"]["authentication"] == {"type": "scram-sha-512"}
    assert kafka["kafka"]["config"]["auto.create.topics.enable"] == "false"
    assert set(nodes["spec"]) == {"replicas", "roles", "storage", "resources", "jvmOptions"}
    assert nodes["spec"]["roles"] == ["controller", "broker"]
    assert [volume["kraftMetadata"] for volume in nodes["spec"]["storage"]["volumes"]] == ["shared"]
    for part in (nodes, user):
        assert part["metadata"]["labels"]["strimzi.io/cluster"] == of("Kafka")["metadata"]["name"]
    for acl in user["spec"]["authorization"]["acls"]:
        assert set(acl) == {"resource", "operations"}


def test_addresses_agree() -> None:
    """Processes and KEDA have the cluster's name, listener and user."""
    kafka, values = of("Kafka"), environment(container("analytics"))
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    address = f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}"
    for name in SCALED:
        (trigger,) = of("ScaledObject", name)["spec"]["triggers"]
        assert values["STREAMGAUGE_BOOTSTRAP_SERVERS"] == trigger["metadata"]["bootstrapServers"] == address
    assert values["STREAMGAUGE_SASL_USERNAME"] == of("KafkaUser")["metadata"]["name"]
    replicas, config = of("KafkaNodePool")["spec"]["replicas"], kafka["spec"]["kafka"]["config"]
    assert int(values["STREAMGAUGE_REPLICATION_FACTOR"]) == config["default.replication.factor"] == replicas
    service = of("Service", "warehouse")
    assert (
        values["STREAMGAUGE_SQL_URL"] == f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    )


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings(name: str) -> None:
    """Every variable is a setting with a valid value; Kubernetes adds none with our prefix."""
    for one in [container(name), *pod(name).get("initContainers", [])]:
        assert (
            settings_module.load(environment(one)).bootstrap_servers
            == environment(container("analytics"))["STREAMGAUGE_BOOTSTRAP_SERVERS"]
        )
    assert pod(name)["enableServiceLinks"] is False


@pytest.mark.parametrize("name", OURS)
def test_it_is_the_process_that_compose_runs(name: str) -> None:
    """The same command, memory limit and ports."""
    service = compose.ours()[name]
    assert container(name)["args"] == compose.command(service)
    limit = container(name)["resources"]["limits"]["memory"]
    assert limit.lower().removesuffix("i") == service["mem_limit"]
    defaults = Settings()
    served = {"warehouse": {"sql": defaults.sql_port}, "dashboard": {"pages": defaults.dashboard_port}}
    ports = {port["name"]: port["containerPort"] for port in container(name)["ports"]}
    assert ports == {"metrics": int(environment(container(name))["STREAMGAUGE_METRICS_PORT"]), **served.get(name, {})}


@pytest.mark.parametrize("name", OURS)
def test_pods_have_no_unneeded_privileges(name: str) -> None:
    """The `restricted` standard, a read-only file system, requests and a memory limit."""
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert pod(name)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(name)["automountServiceAccountToken"] is False
    for one in [container(name), *pod(name).get("initContainers", [])]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(one["resources"]["requests"]) == {"cpu", "memory"}
        assert "memory" in one["resources"]["limits"]


@pytest.mark.parametrize("name", OURS)
def test_a_process_that_waits_for_kafka_stays_alive(name: str) -> None:
    """Unready by `/health`, but alive as long as it answers."""
    ready, alive = container(name)["readinessProbe"], container(name)["livenessProbe"]
    assert ready["httpGet"] == {"path": "/health", "port": "metrics"}
    assert alive["httpGet"] == {"path": "/metrics", "port": "metrics"}
    assert alive["periodSeconds"] * alive["failureThreshold"] >= 60


@pytest.mark.parametrize("name", OURS)
def test_mounts_have_volumes(name: str) -> None:
    """Each mount has its volume; written folders are mounted; secrets are references."""
    claims = {one["metadata"]["name"] for one in workload(name)["spec"].get("volumeClaimTemplates", [])}
    volumes = {one["name"] for one in pod(name)["volumes"]} | claims
    mounts = {one["mountPath"]: one["name"] for one in container(name)["volumeMounts"]}
    assert set(mounts.values()) == volumes
    values = environment(container(name))
    assert {"/tmp", values["STREAMGAUGE_DATA_DIR"]} <= set(mounts)  # noqa: S108
    for setting in ("STREAMGAUGE_SSL_CA_LOCATION", "STREAMGAUGE_SQL_TOKEN_FILE"):
        assert values[setting].rpartition("/")[0] in mounts


def test_secrets_are_references() -> None:
    """No secret is in the manifests, and each reference is to a secret that exists."""
    text = yaml.safe_dump(list(rendered("overlays/example")))
    named = {
        one["secretKeyRef"]["name"]
        for name in OURS
        for one in (variable.get("valueFrom", {}) for variable in container(name)["env"])
        if "secretKeyRef" in one
    }
    named |= {v["secret"]["secretName"] for name in OURS for v in pod(name)["volumes"] if "secret" in v}
    named |= {one["name"] for one in of("TriggerAuthentication")["spec"]["secretTargetRef"]}
    assert named == SECRETS
    assert "kind: Secret\n" not in text


@pytest.mark.parametrize("name", SCALED)
def test_processors_scale_to_their_partitions(name: str) -> None:
    """At most one replica per partition; only KEDA sets the number."""
    partitions = int(environment(container(name))["STREAMGAUGE_PARTITIONS"])
    scaled = of("ScaledObject", name)["spec"]
    assert scaled["scaleTargetRef"]["name"] == name
    assert 1 <= scaled["minReplicaCount"] <= scaled["fallback"]["replicas"] <= scaled["maxReplicaCount"] == partitions
    assert "replicas" not in workload(name)["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["consumerGroup"] == (Settings().analytics_group if name == "analytics" else name)
    # KEDA's default protocol is that of Kafka 1.0, which Kafka 4 does not support (KIP-896: 2.1 and newer).
    assert tuple(map(int, trigger["metadata"]["version"].split("."))) >= (2, 1)


def test_there_is_one_warehouse_and_one_lag_monitor() -> None:
    """Never two, not even during a rollout; the owner of a volume is not scaled."""
    warehouse = workload("warehouse")
    assert (warehouse["kind"], warehouse["spec"]["replicas"]) == ("StatefulSet", 1)
    (claim,) = warehouse["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert workload("lag")["spec"]["replicas"] == 1
    assert workload("lag")["spec"]["strategy"] == {"type": "Recreate"}
    # The synthetic stock has one owner too.
    assert workload("services")["spec"]["replicas"] <= 1
    assert workload("services")["spec"]["strategy"] == {"type": "Recreate"}
    scaled = [one["spec"]["scaleTargetRef"]["name"] for one in rendered("base") if one["kind"] == "ScaledObject"]
    assert sorted(scaled) == sorted(SCALED)


def test_selectors_find_their_pods() -> None:
    """Workloads, services, budgets, policies and the monitor select existing labels and ports."""
    labels = {name: workload(name)["spec"]["template"]["metadata"]["labels"] for name in OURS}
    for name in OURS:
        assert workload(name)["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
    for kind in ("Service", "PodDisruptionBudget"):
        for one in (resource for resource in rendered("base") if resource["kind"] == kind):
            selector = one["spec"]["selector"]
            wanted = selector.get("matchLabels", selector).items()
            assert [name for name in OURS if wanted <= labels[name].items()] == [one["metadata"]["name"]]
    for one in (of("PodMonitor")["spec"]["selector"], of("NetworkPolicy", "streamgauge")["spec"]["podSelector"]):
        assert all(one["matchLabels"].items() <= labels[name].items() for name in OURS)
        # Strimzi labels its pods with their resources.
        assert not any(one["matchLabels"].items() <= of(kind)["metadata"]["labels"].items() for kind in STRIMZI)
    (endpoint,) = of("PodMonitor")["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"
    served = {name: {port["name"] for port in container(name)["ports"]} for name in OURS}
    for name in ("warehouse", "dashboard"):
        (port,) = of("Service", name)["spec"]["ports"]
        assert port["targetPort"] in served[name]
        for rule in of("NetworkPolicy", name)["spec"]["ingress"]:
            assert {one["port"] for one in rule["ports"]} <= served[name]


def test_the_generated_part_is_current() -> None:
    """`make grafana` would change nothing; config maps are below a megabyte, and labelled for Grafana's sidecar."""
    command = [sys.executable, "deploy/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    boards = [one for one in rendered("base") if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"]
    assert len(boards) == len(list((ROOT / "grafana/generated/dashboards").glob("*.json"))) > 0
    for board in boards:
        assert sum(len(text.encode()) for text in board["data"].values()) < 1_000_000
    assert of("PrometheusRule")["spec"]["groups"]
