"""All stacks of production as CloudFormation makes them in the emulator; boto3 compares them with the templates.

The networks have their own file, `test_created_networks.py`; topics and queues are in `test_messaging.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.environment import SERVICES
from infra.tests.emulator import NOT_MADE, Made, emulated, in_order
from infra.tests.moto_extensions import KNOWN
from infra.tests.support import client
from infra.tests.templates import templates

ENVIRONMENT = "prod"


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with emulated(ENVIRONMENT, *in_order(ENVIRONMENT)) as found:
        yield found


def test_every_stack_is_made_and_what_is_left_out_of_them_is_named(made: Made) -> None:
    assert set(in_order(ENVIRONMENT)) == templates(ENVIRONMENT).keys()
    assert made.left_out == set(NOT_MADE)


def test_nothing_is_left_out_that_the_emulator_has_learnt_to_make() -> None:
    without_methods = {"AWS::ApiGateway::Deployment", "AWS::ApiGateway::RestApi"}

    assert set(NOT_MADE) & KNOWN == without_methods


def test_alarms_look_at_the_numbers_of_the_templates_and_tell_somebody(made: Made) -> None:
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}
    expected = {one["AlarmName"]: one for one in made.of_type("AWS::CloudWatch::Alarm").values()}
    topics = {one["TopicArn"] for one in client("sns").list_topics()["Topics"]}
    names = ("Threshold", "EvaluationPeriods", "ComparisonOperator", "TreatMissingData")

    assert found.keys() == expected.keys()
    for name, alarm in found.items():
        assert {key: alarm[key] for key in names} == {key: expected[name][key] for key in names}, name
        assert alarm.get("MetricName") == expected[name].get("MetricName"), name
        assert alarm["AlarmActions"] == alarm["OKActions"], name
        assert set(alarm["AlarmActions"]) <= topics, name


def test_each_service_has_a_dashboard_and_so_have_the_ways_in_and_the_business(made: Made) -> None:
    found = {one["DashboardName"] for one in client("cloudwatch").list_dashboards()["DashboardEntries"]}

    assert found == {f"reclothes-prod-{name}" for name in (*SERVICES, "gateways", "business")}
    for name in found:
        body = json.loads(client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])
        graphs = [one["properties"] for one in body["widgets"] if one["type"] == "metric"]
        assert len(graphs) >= 5, name
        assert all(graph["metrics"] for graph in graphs), name


def test_databases_are_encrypted_kept_and_in_the_data_subnets(made: Made) -> None:
    found = {one["DBInstanceIdentifier"]: one for one in client("rds").describe_db_instances()["DBInstances"]}
    subnets = made.of_type("AWS::RDS::DBSubnetGroup")
    names = ("MultiAZ", "StorageEncrypted", "PubliclyAccessible", "BackupRetentionPeriod", "DeletionProtection")

    assert len(found) == len(SERVICES)
    for expected in made.of_type("AWS::RDS::DBInstance").values():
        instance = found[expected["DBInstanceIdentifier"]]
        assert {name: instance[name] for name in names} == {name: expected[name] for name in names}
        assert instance["MasterUserSecret"]["SecretStatus"] == "active"
        groups = [made.id(one["VpcSecurityGroupId"]) for one in instance["VpcSecurityGroups"]]
        assert groups == expected["VPCSecurityGroups"]
        [group] = [one["DBParameterGroupName"] for one in instance["DBParameterGroups"]]
        parameters = client("rds").describe_db_parameters(DBParameterGroupName=group)["Parameters"]
        parameters_by_name = {one["ParameterName"]: one["ParameterValue"] for one in parameters}
        assert parameters_by_name["require_secure_transport"] == "1"
        stands_in = {made.id(one["SubnetIdentifier"]) for one in instance["DBSubnetGroup"]["Subnets"]}
        assert stands_in == set(subnets[expected["DBSubnetGroupName"]]["SubnetIds"])


def test_caches_speak_tls_and_have_a_copy_in_the_other_zone(made: Made) -> None:
    groups = client("elasticache").describe_replication_groups()["ReplicationGroups"]
    found = {one["ReplicationGroupId"]: one for one in groups}

    expected = made.of_type("AWS::ElastiCache::ReplicationGroup").values()
    assert found.keys() == {one["ReplicationGroupId"] for one in expected}
    for one in found.values():
        assert (one["TransitEncryptionEnabled"], one["TransitEncryptionMode"]) == (True, "required")
        assert one["AtRestEncryptionEnabled"] is True
        assert (one["AutomaticFailover"], one["MultiAZ"]) == ("enabled", "enabled")


def test_each_secret_is_for_its_user_and_has_a_password_that_nobody_wrote(made: Made) -> None:
    pages = client("secretsmanager").get_paginator("list_secrets").paginate()
    ours = [one["Name"] for page in pages for one in page["SecretList"] if one["Name"].startswith("reclothes/")]
    values = {name: client("secretsmanager").get_secret_value(SecretId=name)["SecretString"] for name in ours}

    assert values.keys() == {one["Name"] for one in made.of_type("AWS::SecretsManager::Secret").values()}
    secrets = {name: json.loads(value) for name, value in values.items()}
    made_up = [secret.get("password") or secret["proof"] for secret in secrets.values()]
    assert len(set(made_up)) == len(ours)
    assert min(map(len, made_up)) >= 40
    for name, secret in secrets.items():
        assert "Fn::" not in values[name], f"{name}: a reference leads nowhere"
        assert "proof" in secret or secret["username"], name
        if name.endswith("/database"):
            assert {"host", "port", "dbname", "masterarn"} <= secret.keys(), name


def test_the_gateways_links_stand_before_the_load_balancers(made: Made) -> None:
    found = {one["VpcLinkId"]: one for one in client("apigatewayv2").get_vpc_links()["Items"]}

    for id_, expected in made.of_type("AWS::ApiGatewayV2::VpcLink").items():
        link = found[made.physical[id_]]
        assert {made.id(one) for one in link["SubnetIds"]} == set(expected["SubnetIds"])
        assert [made.id(one) for one in link["SecurityGroupIds"]] == expected["SecurityGroupIds"]


def test_load_balancers_are_inside_and_answer_403_by_themselves(made: Made) -> None:
    found = made.ours(client("elbv2").describe_load_balancers()["LoadBalancers"], "LoadBalancerArn")
    expected = made.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")

    assert found.keys() == expected.keys()
    for id_, balancer in found.items():
        assert balancer["Scheme"] == "internal"
        assert {made.id(zone["SubnetId"]) for zone in balancer["AvailabilityZones"]} == set(
            expected[id_]["Subnets"]
        )
        assert {made.id(group) for group in balancer["SecurityGroups"]} == set(expected[id_]["SecurityGroups"])
        listeners = client("elbv2").describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        [listener] = listeners["Listeners"]
        assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
        assert [one["FixedResponseConfig"]["StatusCode"] for one in listener["DefaultActions"]] == ["403"]


def test_listeners_forward_by_the_rules_of_the_templates_and_no_others(made: Made) -> None:
    expected: dict[str, dict[str, str]] = {}
    for rule in made.of_type("AWS::ElasticLoadBalancingV2::ListenerRule").values():
        [condition] = rule["Conditions"]
        expected.setdefault(rule["ListenerArn"], {})[str(rule["Priority"])] = condition["Field"]

    for listener, fields in expected.items():
        rules = client("elbv2").describe_rules(ListenerArn=made.physical[listener])["Rules"]
        found = {rule["Priority"]: rule["Conditions"][0]["Field"] for rule in rules if rule["Conditions"]}
        assert found == fields, listener
        assert [rule["IsDefault"] for rule in rules if not rule["Conditions"]] == [True], listener


def test_requests_are_shared_out_as_the_templates_say(made: Made) -> None:
    found = made.ours(client("elbv2").describe_target_groups()["TargetGroups"], "TargetGroupArn")

    for id_, expected in made.of_type("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        arn = found[id_]["TargetGroupArn"]
        attributes = client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        attributes_by_key = {one["Key"]: one["Value"] for one in attributes}
        assert {one["Key"]: attributes_by_key[one["Key"]] for one in expected["TargetGroupAttributes"]} == {
            one["Key"]: one["Value"] for one in expected["TargetGroupAttributes"]
        }
        assert (found[id_]["Protocol"], found[id_]["HealthCheckPath"]) == ("HTTPS", "/readyz")


def test_each_role_has_the_policies_of_its_template_and_no_others(made: Made) -> None:
    expected: dict[str, set[str]] = {id_: set() for id_ in made.of_type("AWS::IAM::Role")}
    for policy in made.of_type("AWS::IAM::Policy").values():
        for role in policy["Roles"]:
            expected[role].add(policy["PolicyName"])

    for role, names in expected.items():
        name = made.physical[role]
        assert set(client("iam").list_role_policies(RoleName=name)["PolicyNames"]) == names, role
        for policy in names:
            text = json.dumps(client("iam").get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"])
            assert "Fn::" not in text, f"{role}: a reference leads nowhere"


def test_logs_end_images_stay_and_buckets_are_encrypted(made: Made) -> None:
    pages = client("logs").get_paginator("describe_log_groups").paginate()
    kept = {one["logGroupName"]: one["retentionInDays"] for page in pages for one in page["logGroups"]}
    repositories = client("ecr").describe_repositories()["repositories"]
    buckets = [one["Name"] for one in client("s3").list_buckets()["Buckets"]]

    expected = made.of_type("AWS::Logs::LogGroup").values()
    assert kept == {one["LogGroupName"]: one["RetentionInDays"] for one in expected}
    assert {one["repositoryName"] for one in repositories} == {f"reclothes/{service}" for service in SERVICES}
    assert {one["imageTagMutability"] for one in repositories} == {"IMMUTABLE"}
    assert len(buckets) == len(made.of_type("AWS::S3::Bucket"))
    for name in buckets:
        assert client("s3").get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"], name


def test_buckets_refuse_what_comes_without_tls(made: Made) -> None:
    for id_, bucket in made.of_type("AWS::S3::BucketPolicy").items():
        policy = json.loads(client("s3").get_bucket_policy(Bucket=made.physical[bucket["Bucket"]])["Policy"])
        refused = [one.get("Condition") for one in policy["Statement"] if one["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refused, id_


def test_the_trail_writes_of_all_regions_into_its_bucket(made: Made) -> None:
    [trail] = client("cloudtrail").describe_trails()["trailList"]
    [expected] = made.of_type("AWS::CloudTrail::Trail").values()

    assert trail["IsMultiRegionTrail"] is True
    assert trail["LogFileValidationEnabled"] is True
    assert made.id(trail["S3BucketName"]) == expected["S3BucketName"]
    assert client("cloudtrail").get_trail_status(Name=trail["Name"])["IsLogging"] is True


def test_numbers_are_read_from_the_logs_that_the_templates_name(made: Made) -> None:
    pages = client("logs").get_paginator("describe_metric_filters").paginate()
    found = [one for page in pages for one in page["metricFilters"]]
    expected = made.of_type("AWS::Logs::MetricFilter").values()

    def key(pattern: str, transformation: dict[str, Any], first: str) -> tuple[str, str, str]:
        namespace, name = (transformation[f"{first}etric{end}"] for end in ("Namespace", "Name"))
        return pattern, namespace, name

    assert {key(one["filterPattern"], one["metricTransformations"][0], "m") for one in found} == {
        key(one["FilterPattern"], one["MetricTransformations"][0], "M") for one in expected
    }
    groups = {one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]}
    assert {one["logGroupName"] for one in found} <= groups
