"""Outputs of the infrastructure for the clusters: networks, buckets, keys (infra/kops/outputs.schema.json)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from tools.errors import ToolError
from tools.project import ROOT, SERVICES

SCHEMA = ROOT / "infra" / "kops" / "outputs.schema.json"
ZONES = "ABC"
# Outputs of the stack of one network, and of the stack with the resources that all clusters share.
NETWORK_OUTPUTS = ("VpcId", "VpcRange", "NodeGroupId")
ZONE_OUTPUTS = ("Zone", "ComputeSubnetId", "ComputeSubnetRange", "PublicSubnetId", "PublicSubnetRange")
SHARED_OUTPUTS = {
    "region": "Region",
    "domain": "Domain",
    "state_bucket": "KopsStateBucket",
    "discovery_bucket": "KopsDiscoveryBucket",
    "volume_key": "KopsVolumeKeyArn",
    "company_range": "CompanyRange",
}


@dataclass(frozen=True)
class Subnet:
    id: str
    range: str


@dataclass(frozen=True)
class Zone:
    """One availability zone of a network, with the subnets that a cluster uses."""

    name: str
    compute: Subnet
    public: Subnet


@dataclass(frozen=True)
class Network:
    """A service's network; `node_group` is the security group of its machines."""

    vpc_id: str
    range: str
    node_group: str
    zones: tuple[Zone, ...]


@dataclass(frozen=True)
class Outputs:
    """The outputs of one environment."""

    environment: str
    region: str
    domain: str
    state_bucket: str
    discovery_bucket: str
    volume_key: str
    company_range: str
    networks: Mapping[str, Network]


def read_outputs(file: Path) -> Outputs:
    """Read and validate the outputs in a file; ToolError with a sentence for each problem."""
    try:
        values = json.loads(file.read_text())
    except FileNotFoundError:
        raise ToolError(
            f"{file} does not exist. Create it: `cdk deploy --outputs-file cdk.json`, "
            f"then `python -m tools.deployment outputs ENV cdk.json {file}`."
        ) from None
    except ValueError as error:
        raise ToolError(f"{file} is not JSON: {error}") from error
    schema = json.loads(SCHEMA.read_text())
    problems = [f"/{'/'.join(map(str, error.instance_path))}: {error.message}"
              for error in jsonschema_rs.validator_for(schema).iter_errors(values)]  # fmt: skip
    if problems:
        raise ToolError(f"{file}:\n" + "\n".join(problems))
    outputs = _outputs(values)
    _validate_ranges(outputs)
    return outputs


def from_cdk(environment: str, stacks: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Convert the file of `cdk deploy --outputs-file` (stack → output → value) to an outputs file."""
    shared = _stack(stacks, f"ReClothes-{environment}-clusters")
    networks = {service: _stack(stacks, f"ReClothes-{environment}-{service}-network") for service in SERVICES}
    values = {name: _output(shared, output) for name, output in SHARED_OUTPUTS.items()}
    return {"environment": environment, **values,
            "networks": {service: _network_values(stack) for service, stack in networks.items()}}  # fmt: skip


def _network_values(stack: Mapping[str, str]) -> dict[str, Any]:
    zones = []
    for letter in ZONES:
        if f"Zone{letter}" in stack:
            zone, compute, compute_range, public, public_range = (
                _output(stack, f"{name}{letter}") for name in ZONE_OUTPUTS
            )
            subnets = {"compute_subnet": {"id": compute, "range": compute_range},
                       "public_subnet": {"id": public, "range": public_range}}  # fmt: skip
            zones.append({"zone": zone, **subnets})
    vpc_id, vpc_range, node_group = (_output(stack, name) for name in NETWORK_OUTPUTS)
    return {"vpc_id": vpc_id, "range": vpc_range, "node_group": node_group, "zones": zones}


def _stack(stacks: Mapping[str, Mapping[str, str]], name: str) -> Mapping[str, str]:
    if name not in stacks:
        raise ToolError(f"The outputs have no stack {name}. Deploy it first.")
    return stacks[name]


def _output(stack: Mapping[str, str], name: str) -> str:
    if name not in stack:
        raise ToolError(
            f"A stack has no output {name}, but only {', '.join(sorted(stack)) or 'none'}. Deploy it again."
        )
    return stack[name]


def _outputs(values: Mapping[str, Any]) -> Outputs:
    networks = {service: _network(values["networks"][service]) for service in SERVICES}
    return Outputs(**{**values, "networks": networks})


def _network(values: Mapping[str, Any]) -> Network:
    zones = tuple(
        Zone(zone["zone"], Subnet(**zone["compute_subnet"]), Subnet(**zone["public_subnet"]))
        for zone in values["zones"]
    )
    return Network(values["vpc_id"], values["range"], values["node_group"], zones)


def _validate_ranges(outputs: Outputs) -> None:
    """Reject subnets outside their network and overlapping networks: outputs of two different deployments."""
    ranges = {service: ipaddress.ip_network(network.range) for service, network in outputs.networks.items()}
    for service, network in outputs.networks.items():
        for subnet in (subnet for zone in network.zones for subnet in (zone.compute, zone.public)):
            if not ipaddress.ip_network(subnet.range).subnet_of(ranges[service]):  # type: ignore[arg-type]
                raise ToolError(f"{subnet.id} ({subnet.range}) is not in the network of {service}.")
    for one, other in ((one, other) for one in SERVICES for other in SERVICES if one < other):
        if ranges[one].overlaps(ranges[other]):
            raise ToolError(f"The networks of {one} and {other} overlap.")
