"""Templates in the emulator: moto's CloudFormation creates what it supports, and boto3 reads the result.

Types that only moto's API supports are added to its CloudFormation (`extended_networks.py`, `extended_stacks.py`).
NOT_MADE lists what is still left out; tests prove that the list is not too long.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from moto import mock_aws

from infra.environment import OUT
from infra.reachability.resources import Resource, load
from infra.tests import extended_networks, extended_stacks
from infra.tests.moto_extensions import define_type
from infra.tests.support import client
from infra.tests.templates import full_name, template, templates

_ANOTHER_TEST = "moto makes no methods of a body; tests/contract/test_gateways_agree.py imports the documents"
_NO_CLIENT_VPN = "moto has no client VPN"
_TEMPLATE_ALONE = "moto's CloudFormation does not know it; the template is looked at alone"
# Types that are left out, and why. (Of a bucket moto takes the name and the encryption; the rest of it is looked at
# in the templates.)
NOT_MADE = {
    "AWS::ApiGateway::Account": _TEMPLATE_ALONE,
    "AWS::ApiGateway::BasePathMapping": _TEMPLATE_ALONE,
    "AWS::ApiGateway::BasePathMappingV2": _TEMPLATE_ALONE,
    "AWS::ApiGateway::ClientCertificate": _TEMPLATE_ALONE,
    "AWS::ApiGateway::Deployment": _ANOTHER_TEST,
    "AWS::ApiGateway::DomainName": _TEMPLATE_ALONE,
    "AWS::ApiGateway::DomainNameAccessAssociation": _TEMPLATE_ALONE,
    "AWS::ApiGateway::DomainNameV2": _TEMPLATE_ALONE,
    "AWS::ApiGateway::RestApi": _ANOTHER_TEST,
    "AWS::ApiGateway::Stage": _TEMPLATE_ALONE,
    "AWS::ApiGateway::UsagePlan": _TEMPLATE_ALONE,
    "AWS::Budgets::Budget": _TEMPLATE_ALONE,
    "AWS::CloudFront::Distribution": _TEMPLATE_ALONE,
    "AWS::CloudFront::OriginAccessControl": _TEMPLATE_ALONE,
    "AWS::CloudFront::ResponseHeadersPolicy": _TEMPLATE_ALONE,
    "AWS::DocDB::DBCluster": _TEMPLATE_ALONE,
    "AWS::DocDB::DBClusterParameterGroup": _TEMPLATE_ALONE,
    "AWS::DocDB::DBInstance": _TEMPLATE_ALONE,
    "AWS::DocDB::DBSubnetGroup": _TEMPLATE_ALONE,
    "AWS::EC2::ClientVpnAuthorizationRule": _NO_CLIENT_VPN,
    "AWS::EC2::ClientVpnEndpoint": _NO_CLIENT_VPN,
    "AWS::EC2::ClientVpnTargetNetworkAssociation": _NO_CLIENT_VPN,
    "AWS::EC2::VPNConnectionRoute": "moto has no routes of a VPN connection",
    "AWS::ElastiCache::ParameterGroup": _TEMPLATE_ALONE,
    "AWS::ElastiCache::User": _TEMPLATE_ALONE,
    "AWS::ElastiCache::UserGroup": _TEMPLATE_ALONE,
    "AWS::SecretsManager::RotationSchedule": _TEMPLATE_ALONE,
    "AWS::SecretsManager::SecretTargetAttachment": _TEMPLATE_ALONE,
    "AWS::WAFv2::IPSet": _TEMPLATE_ALONE,
    "AWS::WAFv2::LoggingConfiguration": _TEMPLATE_ALONE,
    "AWS::WAFv2::WebACL": _TEMPLATE_ALONE,
    "AWS::WAFv2::WebACLAssociation": _TEMPLATE_ALONE,
}
# What stands for them, so that others can refer to them.
LEFT_OUT = "left-out"
SUBSTITUTES = dict.fromkeys(NOT_MADE, lambda _: LEFT_OUT)
# Kept, since moto holds its models weakly.
MODELS = [define_type(*one) for one in {**extended_networks.CALLS, **extended_stacks.CALLS, **SUBSTITUTES}.items()]
# Has no id of its own in moto, but that of its network.
ATTACHMENT = "AWS::EC2::VPCGatewayAttachment"


def in_order(environment: str) -> tuple[str, ...]:
    """All stacks of an environment, each after those that it needs."""
    artifacts = json.loads((OUT / environment / "manifest.json").read_text())["artifacts"]
    needed = {
        name: one.get("dependencies", ()) for name, one in artifacts.items() if name in templates(environment)
    }
    return tuple(TopologicalSorter({name: set(of) & needed.keys() for name, of in needed.items()}).static_order())


def adapt_to_moto(body: dict[str, Any]) -> dict[str, Any]:
    """The template without what moto does not support: tags of some types, and resources that are left out."""
    made = copy.deepcopy(body)
    for resource in made["Resources"].values():
        if resource["Type"] in ("AWS::KMS::Key", "AWS::SSM::Parameter"):
            resource["Properties"].pop("Tags", None)
        if resource["Type"] in NOT_MADE:
            resource["Properties"] = {}
    return made


@dataclass(frozen=True)
class Made:
    """The resources of the templates, the id that moto gave each, and the way back from that."""

    resources: Mapping[str, Resource]
    physical: Mapping[str, str]
    ids: Mapping[str, str]
    left_out: set[str]

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The properties of every resource of a type, by its id."""
        found = {one.id: one.properties for one in self.resources.values() if one.type == kind}
        assert found, kind
        return found

    def ours(self, described: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
        """What boto3 describes, by its id in the templates; what the account had before is left out."""
        return {self.ids[one[key]]: one for one in described if one[key] in self.ids}

    def id(self, physical: str) -> str:
        return self.ids[physical]


@contextmanager
def emulated(environment: str, *stacks: str) -> Iterator[Made]:
    """Make the stacks in an emulator of their own, all in one region."""
    with mock_aws():
        client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
        physical: dict[str, str] = {}
        for stack in stacks:
            physical |= _make(full_name(environment, stack), adapt_to_moto(template(environment, stack)))
        resources = load(OUT / environment)
        expected = {full_name(environment, stack) for stack in stacks}
        left_out = {one.type for one in resources.values() if one.stack in expected and one.id not in physical}
        ids = {one: id_ for id_, one in physical.items() if resources[id_].type != ATTACHMENT}
        yield Made(resources, physical, ids, left_out)


def _make(name: str, body: dict[str, Any]) -> dict[str, str]:
    """One stack; the ids that moto gave, by `stack/logical id`."""
    parameters = [
        {"ParameterKey": key, "ParameterValue": "emulated"}
        for key, parameter in body.get("Parameters", {}).items()
        if "Default" not in parameter
    ]
    client("cloudformation").create_stack(
        StackName=name,
        TemplateBody=json.dumps(body),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=parameters,
    )
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
    return {
        f"{name}/{one['LogicalResourceId']}": one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one.get("PhysicalResourceId", LEFT_OUT) != LEFT_OUT
    }
