"""The manifests of the chart, and the values that it rejects."""

from __future__ import annotations

import ipaddress
from typing import Any

import kubernetes_validate
import pytest
import yaml

from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT
from tests.helm.manifests import Release
from tools.deployment import charts
from tools.errors import ToolError

# The oldest Kubernetes that the chart takes, and the newest that there are schemas for here.
VERSIONS = ("1.31", "1.35")
# Kinds of the cluster's add-ons, which have no schema among those of Kubernetes itself.
OF_ADD_ONS = {
    "Certificate",
    "ExternalSecret",
    "ScaledObject",
    "SecretStore",
    "ServiceMonitor",
    "TargetGroupBinding",
    "TriggerAuthentication",
}


def test_manifests_match_the_kubernetes_schemas(release: Release) -> None:
    for document in release.documents:
        if document["kind"] in OF_ADD_ONS:
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


def test_invalid_field_is_detected(rendered: dict[tuple[str, str], Release]) -> None:
    deployment = yaml.safe_load(yaml.safe_dump(rendered["auth", "prod"].one("Deployment", "auth")))
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


def test_names_are_unique_and_in_the_services_namespace(release: Release) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in release.documents]
    assert len(names) == len(set(names))
    assert {document["metadata"]["namespace"] for document in release.documents} == {release.service}


def test_pods_are_not_root_and_have_a_read_only_image(release: Release) -> None:
    for name, pod in release.pods():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        [container] = spec["containers"]
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert container["image"].endswith(f"/reclothes/{release.service}:test-build")
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_selectors_match_exactly_their_pods(release: Release) -> None:
    pods = {name: pod["metadata"]["labels"] for name, pod in release.pods()}
    for deployment in release.all("Deployment"):
        expected = deployment["spec"]["selector"]["matchLabels"]
        matching = [name for name, labels in pods.items() if expected.items() <= labels.items()]
        assert matching == [deployment["metadata"]["name"]]
    web = release.one("Service", release.service)["spec"]["selector"]
    assert [name for name, labels in pods.items() if web.items() <= labels.items()] == [release.service]


def test_probes_use_endpoints_of_the_chassis(release: Release) -> None:
    [web] = release.one("Deployment", release.service)["spec"]["template"]["spec"]["containers"]
    assert web["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "https", "scheme": "HTTPS"}
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    for name in ("worker", "relay"):
        pod = release.one("Deployment", f"{release.service}-{name}")["spec"]["template"]["spec"]
        [container] = pod["containers"]
        assert container["args"] == [name]
        assert container["livenessProbe"]["exec"]["command"] == ["python3", "-m", "libs.chassis.liveness", "worker"]


def test_pods_end_after_the_load_balancer_stops_sending(release: Release) -> None:
    spec = release.one("Deployment", release.service)["spec"]["template"]["spec"]
    sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep >= 35
    assert spec["terminationGracePeriodSeconds"] >= sleep + 5


def test_pods_are_distributed_over_zones(release: Release) -> None:
    for deployment in release.all("Deployment"):
        template = deployment["spec"]["template"]
        by_key = {entry["topologyKey"]: entry for entry in template["spec"]["topologySpreadConstraints"]}
        zones = by_key["topology.kubernetes.io/zone"]
        assert zones["whenUnsatisfiable"] == "DoNotSchedule"
        assert zones["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_autoscalers_set_the_number_of_replicas(release: Release) -> None:
    scaler = release.one("HorizontalPodAutoscaler", release.service)["spec"]
    assert scaler["minReplicas"] <= scaler["maxReplicas"]
    assert "replicas" not in release.one("Deployment", release.service)["spec"]
    worker = release.one("ScaledObject", f"{release.service}-worker")["spec"]
    assert "replicas" not in release.one("Deployment", worker["scaleTargetRef"]["name"])["spec"]
    assert {trigger["type"] for trigger in worker["triggers"]} == {"cpu", "aws-sqs-queue"}
    if release.environment in ("staging", "prod"):
        assert scaler["minReplicas"] >= 2, "one in each zone"
    assert release.one("Deployment", f"{release.service}-relay")["spec"]["replicas"] == 1


def test_draining_a_node_removes_one_pod_at_a_time(release: Release) -> None:
    for component in ("web", "worker"):
        budget = release.one("PodDisruptionBudget", f"{release.service}-{component}")["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"]["matchLabels"]["app.kubernetes.io/component"] == component


def test_migration_runs_before_an_upgrade_with_database_access_only(release: Release) -> None:
    job = release.one("Job", f"{release.service}-migration")
    hooks = job["metadata"]["annotations"]
    assert hooks["helm.sh/hook"] == "post-install,pre-upgrade"
    assert "before-hook-creation" in hooks["helm.sh/hook-delete-policy"]
    pod = job["spec"]["template"]
    variables = release.environment_of(pod)
    assert set(variables) == {"RECLOTHES_DATABASE_URL", "RECLOTHES_CA_FILE"}
    fetched = release.one("ExternalSecret", f"{release.service}-migration")["spec"]["data"]
    assert {entry["remoteRef"]["key"].rpartition("/")[2] for entry in fetched} == {"migration"}


def test_only_the_migration_is_a_hook(release: Release) -> None:
    hooks = [
        (document["kind"], document["metadata"]["name"])
        for document in release.documents
        if "helm.sh/hook" in document["metadata"].get("annotations", {})
    ]
    assert hooks == [("Job", f"{release.service}-migration")]


def test_each_service_has_its_own_role(release: Release) -> None:
    roles = {
        account["metadata"]["name"]: account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
        for account in release.all("ServiceAccount")
    }
    name = f"role/reclothes-{release.environment}-{release.service}"
    assert roles.keys() == {release.service, "external-secrets"}
    assert roles[release.service].endswith(name)
    assert roles["external-secrets"].endswith(f"{name}-secrets")
    assert {pod["spec"]["serviceAccountName"] for _, pod in release.pods()} == {release.service}


def test_manifests_contain_no_secret(release: Release) -> None:
    assert release.all("Secret") == []
    prefix = f"reclothes/{release.environment}/{release.service}/"
    for secret in release.all("ExternalSecret"):
        for entry in secret["spec"].get("data", ()):
            key = entry["remoteRef"]["key"]
            assert key.startswith(prefix) or "sourceRef" in entry, key


@pytest.mark.parametrize("service", NAMES)
def test_load_balancer_settings(service: str, rendered: dict[tuple[str, str], Release]) -> None:
    uneven = {"auth", "billing", "admin"}
    [ingress] = rendered[service, "trial"].all("Ingress")
    attributes = ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/target-group-attributes"]
    algorithm = "least_outstanding_requests" if service in uneven else "round_robin"
    assert f"load_balancing.algorithm.type={algorithm}," in attributes
    assert ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/scheme"] == "internal"
    [binding] = rendered[service, "prod"].all("TargetGroupBinding")
    assert binding["spec"]["targetGroupName"] == f"reclothes-prod-{service}"
    assert rendered[service, "prod"].all("Ingress") == []


def egress(release: Release, labels: dict[str, str]) -> set[tuple[str, int]]:
    """To which ranges and ports a pod with these labels may open a connection; a namespace's name for pods."""
    allowed: set[tuple[str, int]] = set()
    for policy in release.all("NetworkPolicy"):
        spec = policy["spec"]
        if "Egress" not in spec["policyTypes"] or not _selects(spec["podSelector"], labels):
            continue
        for rule in spec.get("egress", ()):
            for peer in rule["to"]:
                to = peer["ipBlock"]["cidr"] if "ipBlock" in peer else _namespace(peer)
                allowed |= {(to, port["port"]) for port in rule["ports"]}
    return allowed


def _namespace(peer: dict[str, Any]) -> str:
    return str(peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    expressions = selector.get("matchExpressions", ())
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


NAMES_OF_HOSTS = {("kube-system", 53), ("169.254.20.10/32", 53)}
OUTSIDE = {
    "auth": {443, 587},
    "customer": {443},
    "shopping": {443},
    "billing": {443},
    "admin": {443},
    "locker": set(),
}
CALLS = {
    "customer": {"admin", "auth", "billing", "locker", "shopping"},
    "billing": {"auth", "customer", "shopping"},
    "shopping": {"auth", "customer"},
    "admin": {"auth", "billing", "customer", "shopping"},
    "locker": {"admin", "auth", "customer"},
}


def test_network_policies_allow_only_the_data_flow(release: Release) -> None:
    networks = yaml.safe_load((ROOT / f"helm/environments/{release.environment}/common.yaml").read_text())[
        "networks"
    ]
    own = networks[release.service]
    labels = dict(release.pods())[release.service]["metadata"]["labels"]
    expected = NAMES_OF_HOSTS | {(own["data"], 3306), (own["all"], 443), (networks["admin"]["data"], 6379)}
    expected |= {(networks[peer]["all"], 443) for peer in CALLS.get(release.service, {"auth"})}
    if release.service in ("auth", "shopping"):
        expected.add((own["data"], 6379))
    if release.service == "shopping":
        expected.add((own["data"], 27017))
    outside = OUTSIDE[release.service] or ({443} if release.environment == "dev" else set())
    expected |= {("0.0.0.0/0", port) for port in outside}
    assert egress(release, labels) == expected


def test_internet_access_excludes_private_networks(release: Release) -> None:
    blocks = [
        peer["ipBlock"]
        for policy in release.all("NetworkPolicy")
        for rule in policy["spec"].get("egress", ())
        for peer in rule["to"]
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    private = [ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    for block in blocks:
        excepted = [ipaddress.ip_network(one) for one in block["except"]]
        assert all(any(one.subnet_of(other) for other in excepted) for one in private)


def test_migration_can_reach_only_database_and_dns(release: Release) -> None:
    pods = dict(release.pods())
    labels = pods[f"{release.service}-migration"]["metadata"]["labels"]
    assert {port for _, port in egress(release, labels)} == {53, 3306}


def test_unknown_values_are_rejected(release: Release) -> None:
    nothing = release.one("NetworkPolicy", f"{release.service}-nothing")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    inward = [
        policy["metadata"]["name"] for policy in release.all("NetworkPolicy") if policy["spec"].get("ingress")
    ]
    assert inward == [f"{release.service}-in"], "only the web process listens"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("web.replicas.min=0", "minimum"),
        ("loadBalancer.algorithm=random", "algorithm"),
        ("peers={locker}", "peers"),
        ("networks.auth.all=0.0.0.0/0", "pattern"),
        ("logLevl=INFO", "additional"),
        ("settings.DEBUG=1", "DEBUG"),
    ],
)
def test_invalid_values_are_rejected(setting: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=f"(?i){complaint}"):
        charts.render("auth", "prod", "build", "--set", setting)


def test_mutable_tag_is_rejected() -> None:
    with pytest.raises(ToolError, match="image/tag"):
        charts.render("auth", "prod", "latest")


def test_release_without_an_image_is_rejected() -> None:
    with pytest.raises(ToolError, match=r"which build shall run"):
        charts.render("auth", "prod", "")


def test_image_can_be_selected_by_digest() -> None:
    digest = "sha256:" + "a" * 64
    documents = charts.documents(charts.render("auth", "prod", digest))
    images = {pod["spec"]["containers"][0]["image"] for _, pod in Release("auth", "prod", documents).pods()}
    assert images == {f"333333333333.dkr.ecr.eu-central-1.amazonaws.com/reclothes/auth@{digest}"}


def test_address_ranges_match_the_infrastructure() -> None:
    """Each service's network is a /16 beside the others, and its stores are where infra/network puts them."""
    for environment in charts.CHART_ENVIRONMENTS:
        text = (ROOT / f"helm/environments/{environment}/common.yaml").read_text()
        networks = yaml.safe_load(text)["networks"]
        first = ipaddress.ip_network(networks["auth"]["all"])
        settings = ROOT / f"infra/environments/{environment}.yaml"
        if settings.exists():
            assert str(first) == yaml.safe_load(settings.read_text())["first_range"]
        for number, service in enumerate(NAMES):
            start = int(first.network_address) + number * first.num_addresses
            assert networks[service] == {
                "all": str(ipaddress.ip_network((start, 16))),
                "data": str(ipaddress.ip_network((start + 0x5000, 23))),
            }
