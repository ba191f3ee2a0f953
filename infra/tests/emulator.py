"""Templates in the emulator: moto's CloudFormation makes what it knows, boto3 looks at what became of it.

Types that only moto's API knows are taught to its CloudFormation (`taught.py`). What is left out even so stands in
NOT_MADE, and tests hold that this says no more than is true.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto import mock_aws

from infra.tests import taught
from infra.tests.support import client
from infra.tests.templates import full_name, template

# Types that are left out, and why. (Of a bucket moto takes the name and the encryption; its rest is checked in the
# templates.)
NOT_MADE = {
    "AWS::CloudTrail::Trail": "moto's CloudFormation does not know it",
    "AWS::EC2::ClientVpnAuthorizationRule": "moto has no client VPN",
    "AWS::EC2::ClientVpnEndpoint": "moto has no client VPN",
    "AWS::EC2::ClientVpnTargetNetworkAssociation": "moto has no client VPN",
    "AWS::EC2::VPNConnectionRoute": "moto has no routes of a VPN connection",
    "AWS::Logs::MetricFilter": "moto's CloudFormation does not know it",
    "AWS::S3::BucketPolicy": "moto's CloudFormation does not know it",
    "AWS::SNS::TopicPolicy": "moto's CloudFormation does not know it",
    "AWS::SQS::QueuePolicy": "moto's CloudFormation does not know it",
}


def mended(body: dict[str, Any]) -> dict[str, Any]:
    """Without what moto stumbles over: tags of keys (it reads those of another service)."""
    made = copy.deepcopy(body)
    for resource in made["Resources"].values():
        if resource["Type"] == "AWS::KMS::Key":
            resource["Properties"].pop("Tags", None)
    return made


@contextmanager
def emulated(environment: str, *stacks: str) -> Iterator[Mapping[str, str]]:
    """Make the stacks in an emulator of their own; the ids that moto gave, by `stack/logical id`."""
    assert taught.MODELS
    with mock_aws():
        client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
        made: dict[str, str] = {}
        for stack in stacks:
            body = mended(template(environment, stack))
            name = full_name(environment, stack)
            client("cloudformation").create_stack(
                StackName=name,
                TemplateBody=json.dumps(body),
                Capabilities=["CAPABILITY_NAMED_IAM"],
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": "emulated"}
                    for key, parameter in body["Parameters"].items()
                    if "Default" not in parameter
                ],
            )
            pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=name)
            for resource in (one for page in pages for one in page["StackResourceSummaries"]):
                if resource.get("PhysicalResourceId"):
                    made[f"{name}/{resource['LogicalResourceId']}"] = resource["PhysicalResourceId"]
        yield made


def left_out(environment: str, stacks: tuple[str, ...], made: Mapping[str, str]) -> set[str]:
    """The types of what is in the templates and was not made."""
    return {
        resource["Type"]
        for stack in stacks
        for id_, resource in template(environment, stack)["Resources"].items()
        if f"{full_name(environment, stack)}/{id_}" not in made
    }
