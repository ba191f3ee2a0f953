"""Alarms have a chapter and a hearer; records cannot be deleted; roles have only what is their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.environment import OUT, SERVICES
from infra.environment import load as load_environment
from infra.operations import service_logs
from infra.reachability.resources import Resource, load
from infra.tests.support import ENVIRONMENTS
from infra.tests.templates import properties, template
from libs.chassis.log_events import LogEvent

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "docs" / "operations" / "alarms.md"


def kinds(environment: str) -> set[str]:
    alarms = properties(environment, "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].split("/")[1] for alarm in alarms}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_kind_of_alarm_has_its_chapter_and_every_chapter_its_alarm(environment: str) -> None:
    chapters = set(re.findall(r"^### ([a-z-]+)$", CHAPTERS.read_text(), re.MULTILINE))

    assert kinds(environment) == chapters


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_alarm_is_heard_also_when_it_is_over(environment: str) -> None:
    for where, alarm in properties(environment, "AWS::CloudWatch::Alarm").items():
        assert len(alarm["AlarmActions"]) == 1, where
        assert alarm["OKActions"] == alarm["AlarmActions"], where
        assert "docs/operations/alarms.md#" in alarm["AlarmDescription"], where


def test_every_queue_and_every_service_is_watched() -> None:
    alarms = properties("prod", "AWS::CloudWatch::Alarm").values()
    names = {tuple(alarm["AlarmName"].split("/")[1:]) for alarm in alarms}
    queues = [queue["QueueName"] for queue in properties("prod", "AWS::SQS::Queue").values()]

    assert {name for name in queues if not name.endswith("-dead")} == {
        subject for kind, subject in names if kind == "queue-age"
    }
    for service in SERVICES:
        watched = {kind for kind, subject in names if subject == service}
        assert {"service-errors", "service-latency", "service-down", "database-disk", "critical-lines"} <= watched


def watched(environment: str, kind: str) -> dict[str, dict[str, Any]]:
    """The alarms of a kind, by their subject."""
    alarms = properties(environment, "AWS::CloudWatch::Alarm").values()
    names = {alarm["AlarmName"]: alarm for alarm in alarms}
    start = f"reclothes-{environment}/{kind}/"
    return {name.removeprefix(start): alarm for name, alarm in names.items() if name.startswith(start)}


def region_of(environment: str, stack: str) -> str:
    artifact = json.loads((OUT / environment / "manifest.json").read_text())["artifacts"][stack]
    return str(artifact["environment"].rpartition("/")[2])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_alarm_is_in_the_region_of_its_topic(environment: str) -> None:
    """Alarms take topics of their own region only, so each region has its own."""
    for where, alarm in properties(environment, "AWS::CloudWatch::Alarm").items():
        [topic] = alarm["AlarmActions"]
        stack = topic["Fn::ImportValue"].partition(":")[0]
        assert region_of(environment, stack) == region_of(environment, where.partition("/")[0]), where


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_age_of_every_certificate_is_watched_where_it_stands(environment: str) -> None:
    ages = watched(environment, "certificate-age")
    resources = load(OUT / environment)
    alarms = {one.properties["AlarmName"].rpartition("/")[2]: one for one in resources.values() if is_age(one)}
    arns = {name: one.properties["Dimensions"][0]["Value"] for name, one in alarms.items()}
    certificates = {id_ for id_, one in resources.items() if one.type == "AWS::CertificateManager::Certificate"}
    [vpn] = [one.properties for one in resources.values() if one.type == "AWS::EC2::ClientVpnEndpoint"]
    [how] = vpn["AuthenticationOptions"]
    imported = {vpn["ServerCertificateArn"], how["MutualAuthentication"]["ClientRootCertificateChainArn"]}

    assert set(ages) == {"gateways", "services", "sites", "client-vpn", "phones"}
    assert set(arns.values()) == certificates | imported
    for name, alarm in alarms.items():
        places = [region_of(environment, id_.partition("/")[0]) for id_ in (alarm.id, arns[name])]
        assert places == (["us-east-1"] * 2 if name == "sites" else ["eu-central-1"] * 2), name


def is_age(resource: Resource) -> bool:
    return resource.type == "AWS::CloudWatch::Alarm" and resource.properties.get("MetricName") == "DaysToExpiry"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_nat_gateway_is_watched(environment: str) -> None:
    resources = load(OUT / environment).values()
    gateways = {one.id for one in resources if one.type == "AWS::EC2::NatGateway"}
    alarms = [one.properties for one in resources if one.type == "AWS::CloudWatch::Alarm"]
    ports = [one for one in alarms if one.get("MetricName") == "ErrorPortAllocation"]

    assert {one["Dimensions"][0]["Value"] for one in ports} == gateways
    assert {one["Threshold"] for one in ports} == {0}
    assert watched(environment, "nat-ports").keys() == watched(environment, "nat-drops").keys()
    for drops in watched(environment, "nat-drops").values():
        counted = {one["MetricStat"]["Metric"]["MetricName"] for one in drops["Metrics"] if "MetricStat" in one}
        assert counted == {"PacketsDropCount", "PacketsInFromSource", "PacketsInFromDestination"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_disks_of_every_cluster_are_watched_by_the_number_that_its_machines_send(environment: str) -> None:
    """The names are those of the agent's file, which `make kops` writes for each cluster."""
    documents = yaml.safe_load_all((ROOT / "infra" / "kops" / "node-metrics.yaml").read_text())
    [settings] = [one["data"]["cwagentconfig.json"] for one in documents if one["kind"] == "ConfigMap"]
    config = json.loads(settings)["metrics"]
    domain = load_environment(environment).domain
    disk = config["metrics_collected"]["disk"]

    assert watched(environment, "node-disk").keys() == set(SERVICES)
    for service, alarm in watched(environment, "node-disk").items():
        assert alarm["Namespace"] == config["namespace"].replace("$environment", environment)
        assert [alarm["MetricName"]] == disk["drop_original_metrics"] == ["disk_used_percent"]
        assert [[one["Name"] for one in alarm["Dimensions"]]] == config["aggregation_dimensions"]
        assert alarm["Dimensions"][0]["Value"] == f"{service}.k8s.{domain}"
        assert alarm["TreatMissingData"] == "breaching"


OWN_PATTERNS = [event.pattern for event in service_logs.SERVICE_LOG_EVENTS.values()]


@pytest.mark.parametrize("pattern", [*service_logs.LOG_EVENTS.values(), *OWN_PATTERNS])
def test_what_is_counted_in_the_logs_is_what_the_services_write(pattern: str) -> None:
    """What a filter looks for stands in the code; a filter for something else would stay silent for ever."""
    code = "\n".join(file.read_text() for folder in ("libs", "services") for file in (ROOT / folder).rglob("*.py"))
    texts = re.findall(r'\$\.event = "([^"]*)"', pattern)
    assert [text for text in texts if text.strip("*") not in code] == []


def test_each_sign_of_a_fault_that_services_write_is_counted() -> None:
    counted = re.findall(r'\$\.event = "([^"]*)"', "\n".join(service_logs.LOG_EVENTS.values()))
    assert set(LogEvent) <= set(counted)


def test_a_sign_is_written_by_its_name_alone() -> None:
    files = [file for folder in ("libs", "services") for file in (ROOT / folder).rglob("*.py")]
    code = {file: file.read_text() for file in files if file.name != "log_events.py"}
    assert [(file.name, event) for file, text in code.items() for event in LogEvent if f'"{event}"' in text] == []


def test_the_business_is_counted_by_events_that_are_published() -> None:
    declared = {file.stem for file in (ROOT / "openapi" / "events").glob("*.json")}

    assert set(service_logs.BUSINESS_EVENTS) <= declared


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_trail_is_of_all_regions_checked_and_locked(environment: str) -> None:
    [trail] = properties(environment, "AWS::CloudTrail::Trail").values()
    assert trail["IsMultiRegionTrail"] is True
    assert trail["EnableLogFileValidation"] is True
    assert "KMSKeyId" in trail
    [bucket] = [one for one in properties(environment, "AWS::S3::Bucket").values() if "ObjectLockEnabled" in one]
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert bucket["ObjectLockEnabled"] is True
    assert retention["Mode"] == ("COMPLIANCE" if environment == "prod" else "GOVERNANCE")
    assert retention["Days"] >= 30


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_log_groups_end(environment: str) -> None:
    groups = properties(environment, "AWS::Logs::LogGroup")

    assert groups
    assert [where for where, group in groups.items() if "RetentionInDays" not in group] == []


def test_images_are_scanned_and_their_tags_never_move() -> None:
    repositories = properties("prod", "AWS::ECR::Repository")

    assert {one["RepositoryName"] for one in repositories.values()} == {f"reclothes/{name}" for name in SERVICES}
    for where, repository in repositories.items():
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}, where
        assert repository["ImageTagMutability"] == "IMMUTABLE", where
        assert "LifecyclePolicy" in repository, where


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of the services' roles, with the service."""
    for where, policy in properties("prod", "AWS::IAM::Policy").items():
        if "-roles/" in where:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield where.partition("/")[2], statement


def test_a_service_may_use_its_own_queues_and_publish_to_its_own_topic_only() -> None:
    resources = template("prod", "messaging")["Resources"]
    exports = {
        output["Export"]["Name"]: output["Value"] for output in template("prod", "messaging")["Outputs"].values()
    }

    def names(statement: dict[str, Any]) -> set[str]:
        expected = statement["Resource"]
        found = set()
        for one in expected if isinstance(expected, list) else [expected]:
            value = exports[one["Fn::ImportValue"]]
            id_ = value.get("Ref") or value["Fn::GetAtt"][0]
            found.add(resources[id_]["Properties"].get("QueueName") or resources[id_]["Properties"]["TopicName"])
        return found

    checked = 0
    for role, statement in statements():
        service = next(name for name in SERVICES if role.startswith(name.capitalize()))
        if statement.get("Sid") == "OwnQueues":
            assert all(name.startswith(f"reclothes-prod-{service}-") for name in names(statement)), role
            checked += 1
        if statement.get("Sid") == "OwnTopic":
            assert names(statement) == {f"reclothes-prod-{service}-events"}
            checked += 1
    assert checked == 2 * len(SERVICES)


def test_no_role_of_a_service_has_a_wildcard_action_or_all_resources() -> None:
    for role, statement in statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert statement["Effect"] == "Allow"
        assert [one for one in actions if one in ("*", "kms:*", "s3:*", "sqs:*", "sns:*")] == [], role
        assert statement.get("Resource") != "*", role


def test_a_role_is_for_one_account_of_one_cluster() -> None:
    roles = {
        role["RoleName"]: role["AssumeRolePolicyDocument"]["Statement"]
        for where, role in properties("prod", "AWS::IAM::Role").items()
        if "-roles/" in where
    }
    assert set(roles) == {f"reclothes-prod-{name}{more}" for name in SERVICES for more in ("", "-secrets")}
    for name, [statement] in roles.items():
        service = name.split("-")[2]
        conditions = statement["Condition"]["StringEquals"]
        subjects = [value for key, value in conditions.items() if key.endswith(":sub")]
        assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
        assert [one.split(":")[2] for one in subjects] == [service]
        issuer = f"reclothes-prod-kops-discovery.s3.eu-central-1.amazonaws.com/{service}.k8s.reclothes.example"
        assert {key.rpartition(":")[0] for key in conditions} == {issuer}, "where kOps publishes the cluster's keys"


def test_budgets_tell_before_the_money_is_spent() -> None:
    for environment in ENVIRONMENTS:
        [budget] = properties(environment, "AWS::Budgets::Budget").values()
        subscribed = {
            (one["Notification"]["NotificationType"], one["Notification"]["Threshold"])
            for one in budget["NotificationsWithSubscribers"]
        }
        assert ("FORECASTED", 100) in subscribed
        assert json.dumps(budget["Budget"]["CostFilters"]).count(environment) == 1
