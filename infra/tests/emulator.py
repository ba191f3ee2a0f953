"""Templates in the emulator: moto's CloudFormation makes what it knows, boto3 looks at what became of it.

What moto cannot make is left out and named here; a test holds that the list says no more than is true.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from infra.tests.templates import template

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's
# Types that moto's CloudFormation leaves out without an error. (Of a bucket it takes the name and the encryption;
# the rest of it is checked in the templates.)
NOT_MADE = {
    "AWS::CloudTrail::Trail",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
}


def mended(body: dict[str, Any]) -> dict[str, Any]:
    """Without what moto stumbles over: tags of keys (it reads those of another service)."""
    made = copy.deepcopy(body)
    for resource in made["Resources"].values():
        if resource["Type"] == "AWS::KMS::Key":
            resource["Properties"].pop("Tags", None)
    return made


@contextmanager
def emulated(environment: str, *stacks: str) -> Iterator[dict[str, set[str]]]:
    """Make the stacks in an emulator of their own; what was made, by the stack: logical ids."""
    with mock_aws():
        boto3.client("ssm", REGION, **_CREDENTIALS).put_parameter(
            Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String"
        )
        client = boto3.client("cloudformation", REGION, **_CREDENTIALS)
        made = {}
        for stack in stacks:
            body = json.dumps(mended(template(environment, stack)))
            client.create_stack(StackName=stack, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
            pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
            found = [resource for page in pages for resource in page["StackResourceSummaries"]]
            physical = {one["LogicalResourceId"]: one.get("PhysicalResourceId") for one in found}
            made[stack] = {id_ for id_, name in physical.items() if name}
            _subscribe(template(environment, stack), physical)
        yield made


def _subscribe(body: dict[str, Any], physical: dict[str, Any]) -> None:
    """Make the subscriptions of queues that moto left out, as they stand in the template."""
    for resource in body["Resources"].values():
        if resource["Type"] == "AWS::SNS::Subscription" and resource["Properties"]["Protocol"] == "sqs":
            wanted = resource["Properties"]
            queue = body["Resources"][wanted["Endpoint"]["Fn::GetAtt"][0]]["Properties"]["QueueName"]
            client("sns").subscribe(
                TopicArn=physical[wanted["TopicArn"]["Ref"]],
                Protocol=wanted["Protocol"],
                Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                Attributes={
                    "RawMessageDelivery": json.dumps(wanted["RawMessageDelivery"]),
                    "FilterPolicy": json.dumps(wanted["FilterPolicy"]),
                },
            )


def client(service: str) -> Any:
    return boto3.client(service, REGION, **_CREDENTIALS)  # type: ignore[call-overload]


_CREDENTIALS = {"aws_access_key_id": "emulated", "aws_secret_access_key": "emulated"}
