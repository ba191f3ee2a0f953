"""The inputs of the infrastructure for messaging match the local platform.

`infra/tests/test_messaging.py` holds the templates against the same document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from infra import environment as environments
from infra.inputs import overrides_of, topology_of
from libs.chassis import aws, settings, topology
from libs.chassis.runtime import new_runtime
from libs.chassis.service import NAMES, load_service
from libs.chassis.settings import ServiceSettings
from tools.local_platform import messaging_resources

PREFIX = "reclothes-dev"


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The topologies of all services, created by `create_topology` and read with boto3."""
    variables = {
        "AWS_ACCESS_KEY_ID": "emulated",
        "AWS_SECRET_ACCESS_KEY": "emulated",
        "RECLOTHES_ENVIRONMENT": "test",
        "RECLOTHES_DATABASE_URL": "sqlite://",
        "RECLOTHES_REDIS_URL": "redis://127.0.0.1:9/0",
        "RECLOTHES_JWT_ISSUER": "https://auth.test",
        "RECLOTHES_JWKS_URL": "https://auth.test/jwks",
        "RECLOTHES_RESOURCE_PREFIX": PREFIX,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with new_runtime(), mock_aws():
        settings.use_settings(ServiceSettings.from_environment())
        for name in NAMES:
            messaging_resources.create_topology(load_service(name).events)
        yield _read_back()


def _read_back() -> dict[str, Any]:
    sns, sqs = aws.client("sns"), aws.client("sqs")
    subscriptions = set()
    for one in sns.list_subscriptions()["Subscriptions"]:
        attributes = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
        [(attribute, values)] = json.loads(attributes["FilterPolicy"]).items()
        names = (one["TopicArn"].rpartition(":")[2], one["Endpoint"].rpartition(":")[2])
        subscriptions.add((*names, attribute, tuple(values)))
    return {
        "topics": {one["TopicArn"].rpartition(":")[2] for one in sns.list_topics()["Topics"]},
        "queues": {url.rpartition("/")[2] for url in sqs.list_queues()["QueueUrls"]},
        "subscriptions": subscriptions,
    }


def test_the_infrastructure_inputs_match_the_local_platform(created: dict[str, Any]) -> None:
    services = topology_of(PREFIX)["services"].values()
    queues = {name for service in services for name in service["queues"]}

    assert created["topics"] == {name for service in services for name in service["topics"]}
    assert created["queues"] == queues | {topology.dead_letter_name(name) for name in queues}
    assert created["subscriptions"] == {
        (one["topic"], one["queue"], one["attribute"], tuple(one["values"]))
        for service in services
        for one in service["subscriptions"]
    }


def test_the_internal_gateway_is_private() -> None:
    place = overrides_of(environments.load("prod"))["internal"]

    assert place.private
    assert place.source_ranges == ("192.168.0.0/20", "10.100.112.0/25")
    assert place.allowed_origins == ("https://manage.internal.reclothes.example",)
