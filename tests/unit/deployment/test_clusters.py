"""The clusters that are made from outputs of the infrastructure: valid for kOps, and closed as they should be."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from tools.deployment.clusters import (
    Outputs,
    from_cdk,
    manifests_of,
    node_metrics_of,
    read_outputs,
    write_manifests,
)
from tools.deployment.clusters.sizes import read_sizes
from tools.errors import ToolError
from tools.project import ENVIRONMENTS, SERVICES, read_yaml

DATA = Path(__file__).parents[2] / "data" / "kops"
CRDS = {"Cluster": "kops.k8s.io_clusters.yaml", "InstanceGroup": "kops.k8s.io_instancegroups.yaml"}


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of a custom resource that refuses unknown fields, as kOps does when it reads a manifest."""
    if "properties" in schema:
        properties = {name: strict(inner) for name, inner in schema["properties"].items()}
        closed = {} if schema.get("x-kubernetes-preserve-unknown-fields") else {"additionalProperties": False}
        schema = {**schema, "properties": properties, **closed}
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            schema = {**schema, keyword: strict(schema[keyword])}
    return schema


@pytest.fixture(scope="module")
def validators() -> dict[str, jsonschema_rs.Draft4Validator]:
    found = {}
    for kind, file in CRDS.items():
        [version] = read_yaml(DATA / file)["spec"]["versions"]
        resource = copy.deepcopy(version["schema"]["openAPIV3Schema"])
        resource["properties"]["metadata"] = {"type": "object"}
        found[kind] = jsonschema_rs.Draft4Validator(strict(resource))
    return found


@pytest.fixture(scope="module")
def outputs() -> Outputs:
    return read_outputs(DATA / "outputs-dev.json")


def of_environment(outputs: Outputs, environment: str) -> Outputs:
    return Outputs(**{**outputs.__dict__, "environment": environment})


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_manifest_matches_the_kops_schema(
    environment: str, outputs: Outputs, validators: dict[str, jsonschema_rs.Draft4Validator]
) -> None:
    for service in SERVICES:
        for manifest in manifests_of(service, of_environment(outputs, environment)):
            faults = [
                f"{error.instance_path}: {error.message}"
                for error in validators[manifest["kind"]].iter_errors(manifest)
            ]
            assert faults == [], (service, manifest["metadata"]["name"])


def test_schemas_reject_unknown_fields(
    outputs: Outputs, validators: dict[str, jsonschema_rs.Draft4Validator]
) -> None:
    cluster, group, *_ = manifests_of("auth", outputs)
    cluster["spec"]["api"]["loadBalancer"]["typo"] = "Internal"
    group["spec"]["machinetype"] = "t3.large"
    assert not validators["Cluster"].is_valid(cluster)
    assert not validators["InstanceGroup"].is_valid(group)


@pytest.mark.parametrize("service", SERVICES)
def test_cluster_is_only_in_the_network_of_its_service(service: str, outputs: Outputs) -> None:
    cluster, *groups = manifests_of(service, outputs)
    network = outputs.networks[service]
    assert cluster["spec"]["networkID"] == network.vpc_id
    nodes = {subnet["id"] for subnet in cluster["spec"]["subnets"] if subnet["type"] == "Private"}
    assert nodes == {zone.compute.id for zone in network.zones}
    names = {subnet["name"] for subnet in cluster["spec"]["subnets"] if subnet["type"] == "Private"}
    assert {subnet for group in groups for subnet in group["spec"]["subnets"]} <= names
    assert not any(group["spec"]["associatePublicIp"] for group in groups)


@pytest.mark.parametrize("service", SERVICES)
def test_every_node_has_the_security_group_of_the_infrastructure(service: str, outputs: Outputs) -> None:
    """A group of kOps' own would let out everything, and databases and load balancers would not know it."""
    cluster, *groups = manifests_of(service, outputs)
    node_group = outputs.networks[service].node_group
    assert [group["spec"]["securityGroupOverride"] for group in groups] == [node_group] * len(groups)
    assert cluster["spec"]["api"]["loadBalancer"]["securityGroupOverride"] == node_group


@pytest.mark.parametrize(("environment", "planes"), [("dev", 1), ("staging", 3), ("prod", 3)])
def test_control_planes_are_distributed_over_zones_and_etcd_members(
    environment: str, planes: int, outputs: Outputs
) -> None:
    cluster, *groups = manifests_of("shopping", of_environment(outputs, environment))
    masters = [group for group in groups if group["spec"]["role"] == "ControlPlane"]
    assert len(masters) == planes == len({group["metadata"]["name"] for group in masters})
    assert len({group["spec"]["subnets"][0] for group in masters}) == min(planes, 2)
    for etcd in cluster["spec"]["etcdClusters"]:
        assert [one["instanceGroup"] for one in etcd["etcdMembers"]] == [one["metadata"]["name"] for one in masters]
        assert all(one["encryptedVolume"] and one["kmsKeyId"] == outputs.volume_key for one in etcd["etcdMembers"])


def test_nodes_are_autoscaled_in_every_zone(outputs: Outputs) -> None:
    _, *groups = manifests_of("shopping", of_environment(outputs, "prod"))
    nodes = [group["spec"] for group in groups if group["spec"]["role"] == "Node"]
    assert [group["subnets"] for group in nodes] == [["eu-central-1a"], ["eu-central-1b"]]
    assert all(group["autoscale"] and group["minSize"] < group["maxSize"] for group in nodes)


def test_addons_and_security_settings_are_enabled(outputs: Outputs) -> None:
    spec = manifests_of("auth", outputs)[0]["spec"]
    add_ons = (
        "certManager",
        "awsLoadBalancerController",
        "podIdentityWebhook",
        "clusterAutoscaler",
        "metricsServer",
    )
    assert all(spec[name]["enabled"] for name in add_ons)
    assert spec["kubeDNS"]["nodeLocalDNS"]["enabled"]
    assert spec["serviceAccountIssuerDiscovery"]["enableAWSOIDCProvider"]
    assert spec["encryptionConfig"] is True
    assert spec["api"]["loadBalancer"]["type"] == "Internal"
    assert "0.0.0.0/0" not in spec["kubernetesApiAccess"]
    assert spec["sshAccess"] == []


def test_audit_log_contains_no_secrets(outputs: Outputs) -> None:
    spec = manifests_of("auth", outputs)[0]["spec"]
    [asset] = [one for one in spec["fileAssets"] if one["path"] == spec["kubeAPIServer"]["auditPolicyFile"]]
    rules = yaml.safe_load(asset["content"])["rules"]
    about_secrets = next(
        rule for rule in rules if any("secrets" in one.get("resources", ()) for one in rule.get("resources", ()))
    )
    assert about_secrets["level"] == "Metadata"
    bodies = [number for number, rule in enumerate(rules) if rule["level"] in ("Request", "RequestResponse")]
    assert rules.index(about_secrets) < min(bodies), "the first rule that fits decides"


def test_manifest_files_can_be_parsed(outputs: Outputs, tmp_path: Path) -> None:
    files = write_manifests(outputs, tmp_path)
    assert [file.stem for file in files[::2]] == list(SERVICES)
    assert [file.stem for file in files[1::2]] == [f"{service}-node-metrics" for service in SERVICES]
    assert list(yaml.safe_load_all(files[0].read_text())) == manifests_of("auth", outputs)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nodes_report_their_disk_usage(environment: str, outputs: Outputs) -> None:
    chosen = of_environment(outputs, environment)
    documents = {one["kind"]: one for one in yaml.safe_load_all(node_metrics_of("auth", chosen))}
    for document in documents.values():
        kubernetes_validate.validate(document, "1.34", strict=True)
    config = json.loads(documents["ConfigMap"]["data"]["cwagentconfig.json"])
    disk = config["metrics"]["metrics_collected"]["disk"]
    assert config["agent"]["region"] == outputs.region
    assert disk["append_dimensions"] == {"Cluster": manifests_of("auth", chosen)[0]["metadata"]["name"]}
    pod = documents["DaemonSet"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert disk["resources"] == ["/node"]
    assert {"name": "node", "mountPath": "/node", "readOnly": True} in container["volumeMounts"]
    assert pod["tolerations"] == [{"operator": "Exists"}], "on every machine, also a full one"


def test_agent_may_only_send_its_own_metrics(outputs: Outputs) -> None:
    [role] = manifests_of("auth", outputs)[0]["spec"]["iam"]["serviceAccountExternalPermissions"]
    documents = {one["kind"]: one for one in yaml.safe_load_all(node_metrics_of("auth", outputs))}
    config = json.loads(documents["ConfigMap"]["data"]["cwagentconfig.json"])
    [statement] = json.loads(role["aws"]["inlinePolicy"])
    assert {"name": role["name"], "namespace": role["namespace"]} == documents["ServiceAccount"]["metadata"]
    assert statement["Action"] == "cloudwatch:PutMetricData"
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": config["metrics"]["namespace"]}}


def test_cdk_outputs_are_converted(outputs: Outputs, tmp_path: Path) -> None:
    shared = {"Region": "eu-central-1", "Domain": outputs.domain, "KopsStateBucket": outputs.state_bucket,
              "KopsDiscoveryBucket": outputs.discovery_bucket, "KopsVolumeKeyArn": outputs.volume_key,
              "CompanyRange": outputs.company_range}  # fmt: skip
    stacks = {"ReClothes-dev-clusters": shared}
    for service, network in outputs.networks.items():
        stack = {"VpcId": network.vpc_id, "VpcRange": network.range, "NodeGroupId": network.node_group}
        for letter, zone in zip("AB", network.zones, strict=True):
            stack |= {f"Zone{letter}": zone.name}
            for tier, subnet in (("Compute", zone.compute), ("Public", zone.public)):
                stack |= {f"{tier}SubnetId{letter}": subnet.id, f"{tier}SubnetRange{letter}": subnet.range}
        stacks[f"ReClothes-dev-{service}-network"] = stack
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(from_cdk("dev", stacks)))
    assert read_outputs(file) == outputs
    del stacks["ReClothes-dev-locker-network"]
    with pytest.raises(ToolError, match="ReClothes-dev-locker-network"):
        from_cdk("dev", stacks)


def spoilt(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((DATA / "outputs-dev.json").read_text())
    for path, value in changes.items():
        *steps, last = path.split("__")
        place = facts
        for step in steps:
            place = place[step]
        place[last] = value
    return facts


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (spoilt(volume_key="none"), "volume_key"),
        (spoilt(networks__auth__vpc_id="vpc"), "networks/auth/vpc_id"),
        (spoilt(networks__auth__node_group="default"), "networks/auth/node_group"),
        (spoilt(networks__auth__range="10.33.0.0/16"), "not in the network of auth"),
        (spoilt(networks__auth__zones=[]), "networks/auth/zones"),
        (spoilt(secret="x"), "secret"),
    ],
)
def test_invalid_outputs_are_rejected(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(values))
    with pytest.raises(ToolError, match=message):
        read_outputs(file)


def test_missing_outputs_are_reported_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cdk deploy --outputs-file"):
        read_outputs(tmp_path / "nothing.json")


def test_unknown_environment_is_rejected() -> None:
    with pytest.raises(ToolError, match="dev, prod, staging"):
        read_sizes("moon")
