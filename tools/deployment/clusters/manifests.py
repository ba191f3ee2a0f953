"""The kOps manifests (v1alpha2) of a service's cluster and its instance groups."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any

import yaml

from tools.deployment.clusters.outputs import Network, Outputs
from tools.deployment.clusters.sizes import Sizes, read_sizes
from tools.project import ROOT, SERVICES

Manifest = dict[str, Any]
API_VERSION = "kops.k8s.io/v1alpha2"
AUDIT_POLICY = "/srv/kubernetes/audit/policy.yaml"
NODE_METRICS = ROOT / "infra" / "kops" / "node-metrics.yaml"
IMAGE = "ssm:/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


def write_manifests(outputs: Outputs, folder: Path) -> list[Path]:
    """Write the kOps manifests and the node metrics of each service's cluster, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for service in SERVICES:
        cluster, metrics = folder / f"{service}.yaml", folder / f"{service}-node-metrics.yaml"
        cluster.write_text(yaml.safe_dump_all(manifests_of(service, outputs), sort_keys=False))
        metrics.write_text(node_metrics_of(service, outputs))
        files += [cluster, metrics]
    return files


def node_metrics_of(service: str, outputs: Outputs) -> str:
    """Return the Kubernetes manifests of the agent that reports the disk usage of nodes."""
    names = {
        "environment": outputs.environment,
        "region": outputs.region,
        "cluster": cluster_name(service, outputs),
    }
    return Template(NODE_METRICS.read_text()).substitute(names)


def manifests_of(service: str, outputs: Outputs) -> list[Manifest]:
    """Return the Cluster and its InstanceGroups: control planes, and the nodes of each zone."""
    sizes = read_sizes(outputs.environment)
    network = outputs.networks[service]
    name = cluster_name(service, outputs)
    planes = _control_planes(network, sizes)
    cluster = _resource("Cluster", name, _cluster(name, network, outputs, sizes, planes))
    groups = [_group(group, name, spec) for group, spec in _groups(network, outputs, sizes, planes)]
    return [cluster, *groups]


def cluster_name(service: str, outputs: Outputs) -> str:
    return f"{service}.k8s.{outputs.domain}"


def _resource(kind: str, name: str, spec: Manifest) -> Manifest:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _group(name: str, cluster: str, spec: Manifest) -> Manifest:
    group = _resource("InstanceGroup", name, spec)
    group["metadata"]["labels"] = {"kops.k8s.io/cluster": cluster}
    return group


def _control_planes(network: Network, sizes: Sizes) -> list[tuple[str, str]]:
    """Return name and zone of each control plane, distributed over the zones."""
    zones = [network.zones[number % len(network.zones)].name for number in range(sizes.control_planes)]
    return [(f"control-plane-{zone}-{zones[:number].count(zone) + 1}", zone) for number, zone in enumerate(zones)]


def _cluster(
    name: str, network: Network, outputs: Outputs, sizes: Sizes, planes: list[tuple[str, str]]
) -> Manifest:
    return {
        "kubernetesVersion": sizes.kubernetes_version,
        "cloudProvider": "aws",
        "channel": "stable",
        "configBase": f"s3://{outputs.state_bucket}/{name}",
        **_access(network, outputs),
        "networkID": network.vpc_id,
        "networkCIDR": network.range,
        "nonMasqueradeCIDR": network.range,
        "subnets": _subnets(network),
        "topology": {"dns": {"type": "None"}},
        # Pods get addresses of the VPC, to which load balancers send directly, and NetworkPolicies are enforced.
        "networking": {"cilium": {"ipam": "eni", "tunnel": "disabled", "disableMasquerade": True,
                                  "enablePrometheusMetrics": True}},
        "etcdClusters": [_etcd(part, outputs, planes) for part in ("main", "events")],
        **_identities(outputs, name),
        **_protection(),
        **_add_ons(),
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0, "drainAndTerminate": True},
        "updatePolicy": "automatic",
        "cloudLabels": {"reclothes:environment": outputs.environment, "reclothes:cluster": name},
    }  # fmt: skip


def _access(network: Network, outputs: Outputs) -> Manifest:
    """Restrict the API to the network itself and that of the company.

    Nodes and load balancer have only the security group of the infrastructure.
    """
    balancer = {"type": "Internal", "class": "Network", "crossZoneLoadBalancing": True}
    return {
        "api": {"loadBalancer": {**balancer, "securityGroupOverride": network.node_group}},
        "kubernetesApiAccess": [network.range, outputs.company_range],
        "sshAccess": [],
    }


def _subnets(network: Network) -> list[Manifest]:
    """Return the compute subnets, whose egress the infrastructure has, and public ones for load balancers."""
    private = [
        {"name": zone.name, "type": "Private", "zone": zone.name, "id": zone.compute.id, "cidr": zone.compute.range,
         "egress": "External"}
        for zone in network.zones
    ]  # fmt: skip
    utility = [
        {"name": f"utility-{zone.name}", "type": "Utility", "zone": zone.name, "id": zone.public.id,
         "cidr": zone.public.range}
        for zone in network.zones
    ]  # fmt: skip
    return [*private, *utility]


def _etcd(part: str, outputs: Outputs, planes: list[tuple[str, str]]) -> Manifest:
    members = [
        {"name": group.removeprefix("control-plane-"), "instanceGroup": group, "encryptedVolume": True,
         "kmsKeyId": outputs.volume_key, "volumeType": "gp3", "volumeSize": 20}
        for group, _ in planes
    ]  # fmt: skip
    return {"name": part, "cpuRequest": "100m", "memoryRequest": "100Mi", "etcdMembers": members,
            "manager": {"backupInterval": "15m", "backupRetentionDays": 30}}  # fmt: skip


def _identities(outputs: Outputs, name: str) -> Manifest:
    """Let pods assume AWS roles through their service accounts, whose keys IAM reads from the discovery bucket."""
    return {
        "serviceAccountIssuerDiscovery": {
            "discoveryStore": f"s3://{outputs.discovery_bucket}/{name}",
            "enableAWSOIDCProvider": True,
        },
        "iam": {
            "legacy": False,
            "allowContainerRegistry": True,
            "useServiceAccountExternalPermissions": True,
            "serviceAccountExternalPermissions": [_node_metrics_role(outputs)],
        },
        "authorization": {"rbac": {}},
    }


def _node_metrics_role(outputs: Outputs) -> Manifest:
    """Allow the account of infra/kops/node-metrics.yaml only to send metrics of one namespace."""
    statement = {
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": f"ReClothes/{outputs.environment}/nodes"}},
    }
    return {
        "name": "cloudwatch-agent",
        "namespace": "node-metrics",
        "aws": {"inlinePolicy": json.dumps([statement])},
    }


def _protection() -> Manifest:
    return {
        "encryptionConfig": True,  # of secrets in etcd; `kops create secret encryptionconfig` creates the key
        "kubeAPIServer": {
            "auditLogPath": "/var/log/kube-apiserver/audit.log",
            "auditLogMaxAge": 30,
            "auditLogMaxBackups": 10,
            "auditLogMaxSize": 100,
            "auditPolicyFile": AUDIT_POLICY,
            "tlsMinVersion": "VersionTLS12",
        },
        "fileAssets": [
            {
                "name": "audit-policy",
                "path": AUDIT_POLICY,
                "roles": ["ControlPlane"],
                "content": (ROOT / "infra" / "kops" / "audit-policy.yaml").read_text(),
            }
        ],
        "kubelet": {
            "anonymousAuth": False,
            "authorizationMode": "Webhook",
            "authenticationTokenWebhook": True,
            "readOnlyPort": 0,
            "protectKernelDefaults": True,
            "seccompDefault": True,
            "tlsMinVersion": "VersionTLS12",
            "shutdownGracePeriod": "60s",
            "shutdownGracePeriodCriticalPods": "20s",
        },
    }


def _add_ons() -> Manifest:
    """Return the add-ons that the charts need and kOps can install; docs/operations/clusters.md has the others."""
    return {
        "certManager": {"enabled": True},  # issues certificates for the next two
        "awsLoadBalancerController": {"enabled": True, "enableWAFv2": True},
        "podIdentityWebhook": {"enabled": True, "replicas": 2},
        "clusterAutoscaler": {"enabled": True, "expander": "least-waste", "balanceSimilarNodeGroups": True},
        "metricsServer": {"enabled": True, "insecure": False},
        "nodeTerminationHandler": {"enabled": True, "enableSQSTerminationDraining": True},
        "nodeProblemDetector": {"enabled": True},
        "kubeDNS": {"provider": "CoreDNS", "nodeLocalDNS": {"enabled": True, "forwardToKubeDNS": False}},
        "cloudConfig": {"awsEBSCSIDriver": {"enabled": True}},
    }


def _groups(
    network: Network, outputs: Outputs, sizes: Sizes, planes: list[tuple[str, str]]
) -> list[tuple[str, Manifest]]:
    masters = [(group, _control_plane(zone, network, outputs, sizes)) for group, zone in planes]
    nodes = [(f"nodes-{zone.name}", _nodes(zone.name, network, outputs, sizes)) for zone in network.zones]
    return [*masters, *nodes]


def _machines(zone: str, network: Network, outputs: Outputs) -> Manifest:
    return {
        "image": IMAGE,
        "subnets": [zone],
        "securityGroupOverride": network.node_group,
        "associatePublicIp": False,
        "instanceMetadata": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "rootVolumeType": "gp3",
        "rootVolumeSize": 40,
        "rootVolumeEncryption": True,
        "rootVolumeEncryptionKey": outputs.volume_key,
        "detailedInstanceMonitoring": True,
    }


def _control_plane(zone: str, network: Network, outputs: Outputs, sizes: Sizes) -> Manifest:
    return {
        "role": "ControlPlane",
        **_machines(zone, network, outputs),
        "machineType": sizes.control_plane_machine,
        "minSize": 1,
        "maxSize": 1,
        # A member of etcd is removed before its replacement starts, since both have the same name.
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }


def _nodes(zone: str, network: Network, outputs: Outputs, sizes: Sizes) -> Manifest:
    return {
        "role": "Node",
        **_machines(zone, network, outputs),
        "machineType": sizes.node_machines[0],
        "minSize": sizes.nodes_minimum,
        "maxSize": sizes.nodes_maximum,
        "autoscale": True,
        "capacityRebalance": True,
        # Nodes are replaced at least every 30 days, so that all get security updates.
        "maxInstanceLifetime": "720h",
        "mixedInstancesPolicy": {
            "instances": sizes.node_machines,
            "onDemandBase": sizes.nodes_on_demand,
            "onDemandAboveBase": 50,
            "spotAllocationStrategy": "capacity-optimized",
        },
        "nodeLabels": {"reclothes.example/zone": zone},
    }
