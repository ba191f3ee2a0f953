"""Topics, queues and subscriptions, as CloudFormation makes them, are those that the services declare.

`tests/contract/test_infra_inputs.py` holds the same document against what the local platform makes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.synth import OUT
from infra.tests.emulator import emulated
from infra.tests.support import client
from infra.tests.templates import properties, template

ENVIRONMENT = "dev"


@pytest.fixture(scope="module")
def declared() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((OUT / "inputs" / ENVIRONMENT / "topology.json").read_text())
    return document


@pytest.fixture(scope="module", autouse=True)
def _made() -> Any:
    with emulated(ENVIRONMENT, "messaging"):
        yield


def declared_names(declared: dict[str, Any], what: str) -> set[str]:
    return {name for service in declared["services"].values() for name in service[what]}


def test_there_are_the_declared_topics_and_no_others(declared: dict[str, Any]) -> None:
    found = {topic["TopicArn"].rpartition(":")[2] for topic in client("sns").list_topics()["Topics"]}

    assert found == declared_names(declared, "topics")
    assert declared["notifications_topic"] in found


def test_there_are_the_declared_queues_each_with_its_dead_letters(declared: dict[str, Any]) -> None:
    found = {url.rpartition("/")[2] for url in client("sqs").list_queues()["QueueUrls"]}
    expected = declared_names(declared, "queues")

    assert found == expected | {f"{name}-dead" for name in expected}
    for name in expected:
        attributes = attributes_of(name)
        redrive = json.loads(attributes["RedrivePolicy"])
        assert redrive["deadLetterTargetArn"].endswith(f":{name}-dead")
        assert int(redrive["maxReceiveCount"]) == declared["max_receives"]
        assert int(attributes["VisibilityTimeout"]) == declared["visibility_seconds"]
        assert int(attributes["MessageRetentionPeriod"]) == declared["retention_seconds"]


def attributes_of(queue: str) -> dict[str, str]:
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return attributes


def test_each_queue_gets_what_its_service_handles_and_nothing_else(declared: dict[str, Any]) -> None:
    expected = {
        (one["topic"], one["queue"], one["attribute"], tuple(one["values"]))
        for service in declared["services"].values()
        for one in service["subscriptions"]
    }

    assert set(subscriptions()) == expected


def subscriptions() -> list[tuple[str, str, str, tuple[str, ...]]]:
    sns, found = client("sns"), []
    for page in sns.get_paginator("list_subscriptions").paginate():
        for one in page["Subscriptions"]:
            attributes = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
            assert attributes["RawMessageDelivery"] == "true"
            [(attribute, values)] = json.loads(attributes["FilterPolicy"]).items()
            names = (one["TopicArn"].rpartition(":")[2], one["Endpoint"].rpartition(":")[2])
            found.append((*names, attribute, tuple(values)))
    return found


def test_queues_and_topics_are_encrypted_with_our_own_key() -> None:
    queues = properties(ENVIRONMENT, "AWS::SQS::Queue")
    topics = properties(ENVIRONMENT, "AWS::SNS::Topic")

    assert queues
    assert topics
    assert [where for where, queue in queues.items() if "KmsMasterKeyId" not in queue] == []
    assert [where for where, topic in topics.items() if "KmsMasterKeyId" not in topic] == []


def test_only_a_subscribed_topic_may_send_to_a_queue_and_nobody_without_tls(declared: dict[str, Any]) -> None:
    policies = properties(ENVIRONMENT, "AWS::SQS::QueuePolicy")
    resources = template(ENVIRONMENT, "messaging")["Resources"]
    senders: dict[str, set[str]] = {}
    for policy in policies.values():
        [queue] = [resources[one["Ref"]]["Properties"]["QueueName"] for one in policy["Queues"]]
        statements = policy["PolicyDocument"]["Statement"]
        refusals = [one for one in statements if one["Effect"] == "Deny"]
        assert [one["Condition"] for one in refusals] == [{"Bool": {"aws:SecureTransport": "false"}}], queue
        for one in statements:
            if one["Effect"] == "Allow":
                assert (one["Principal"], one["Action"]) == ({"Service": "sns.amazonaws.com"}, "sqs:SendMessage")
                source = one["Condition"]["ArnEquals"]["aws:SourceArn"]["Ref"]
                senders.setdefault(queue, set()).add(resources[source]["Properties"]["TopicName"])

    subscribed: dict[str, set[str]] = {}
    for service in declared["services"].values():
        for one in service["subscriptions"]:
            subscribed.setdefault(one["queue"], set()).add(one["topic"])
    assert senders == subscribed
