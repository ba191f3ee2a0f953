"""How boto3 makes what moto's CloudFormation does not know of the other stacks, or knows wrongly."""

from __future__ import annotations

import json

from infra.tests.support import client
from infra.tests.teaching import Call, Properties, without_tags


def _log_stream(wanted: Properties) -> str:
    client("logs").create_log_stream(logGroupName=wanted["LogGroupName"], logStreamName=wanted["LogStreamName"])
    return str(wanted["LogStreamName"])


def _subscription(wanted: Properties) -> str:
    names = ("RawMessageDelivery", "FilterPolicy")
    made = client("sns").subscribe(
        TopicArn=wanted["TopicArn"],
        Protocol=wanted["Protocol"],
        Endpoint=wanted["Endpoint"],
        Attributes={name: json.dumps(wanted[name]) for name in names if name in wanted},
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _metric_filter(wanted: Properties) -> str:
    [transformation] = wanted["MetricTransformations"]
    name = transformation["MetricName"]
    client("logs").put_metric_filter(
        logGroupName=wanted["LogGroupName"],
        filterName=name,
        filterPattern=wanted["FilterPattern"],
        metricTransformations=[{key[0].lower() + key[1:]: value for key, value in transformation.items()}],
    )
    return f"{wanted['LogGroupName']}/{name}"


def _alarm(wanted: Properties) -> str:
    client("cloudwatch").put_metric_alarm(**without_tags(wanted))
    return str(wanted["AlarmName"])


def _topic_policy(wanted: Properties) -> str:
    for topic in wanted["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(wanted["PolicyDocument"])
        )
    return f"{wanted['Topics']}/policy"


def _queue_policy(wanted: Properties) -> str:
    for queue in wanted["Queues"]:
        policy = {"Policy": json.dumps(wanted["PolicyDocument"])}
        client("sqs").set_queue_attributes(QueueUrl=queue, Attributes=policy)
    return f"{wanted['Queues']}/policy"


def _bucket_policy(wanted: Properties) -> str:
    client("s3").put_bucket_policy(Bucket=wanted["Bucket"], Policy=json.dumps(wanted["PolicyDocument"]))
    return f"{wanted['Bucket']}/policy"


def _trail(wanted: Properties) -> str:
    names = ("S3BucketName", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation")
    client("cloudtrail").create_trail(Name=wanted["TrailName"], **{name: wanted[name] for name in names})
    client("cloudtrail").start_logging(Name=wanted["TrailName"])
    return str(wanted["TrailName"])


def _database_parameters(wanted: Properties) -> str:
    """moto knows this one, and then cannot make an instance with it."""
    name = f"parameters-{len(client('rds').describe_db_parameter_groups()['DBParameterGroups'])}"
    client("rds").create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily=wanted["Family"], Description=wanted["Description"]
    )
    client("rds").modify_db_parameter_group(
        DBParameterGroupName=name,
        Parameters=[
            {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for key, value in wanted["Parameters"].items()
        ],
    )
    return name


def _database_subnets(wanted: Properties) -> str:
    """moto knows this one, but others cannot refer to it."""
    name = f"subnets-{len(client('rds').describe_db_subnet_groups()['DBSubnetGroups'])}"
    client("rds").create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=wanted["DBSubnetGroupDescription"],
        SubnetIds=wanted["SubnetIds"],
    )
    return name


def _database(wanted: Properties) -> str:
    """moto knows this one, but not its master's secret, and forgets the protection against deletion."""
    renamed = {"VPCSecurityGroups", "MasterUserSecret", "DeleteAutomatedBackups", "Tags"}
    client("rds").create_db_instance(
        **{
            **{name: value for name, value in wanted.items() if name not in renamed},
            "VpcSecurityGroupIds": wanted["VPCSecurityGroups"],
            "MasterUserSecretKmsKeyId": wanted["MasterUserSecret"]["KmsKeyId"],
            "AllocatedStorage": int(wanted["AllocatedStorage"]),
            "Port": int(wanted["Port"]),
        }
    )
    return str(wanted["DBInstanceIdentifier"])


def _cache_subnets(wanted: Properties) -> str:
    name = f"subnets-{len(client('elasticache').describe_cache_subnet_groups()['CacheSubnetGroups'])}"
    client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=name, CacheSubnetGroupDescription=wanted["Description"], SubnetIds=wanted["SubnetIds"]
    )
    return name


def _cache(wanted: Properties) -> str:
    client("elasticache").create_replication_group(**wanted)
    return str(wanted["ReplicationGroupId"])


def _secret(wanted: Properties) -> str:
    """As Secrets Manager does it: the facts of the template, and a password. Known by its name, since moto reads no
    reference to a secret, and takes one with a whole ARN for too long a header."""
    wish = wanted["GenerateSecretString"]
    made = client("secretsmanager").get_random_password(
        PasswordLength=wish["PasswordLength"], ExcludePunctuation=wish["ExcludePunctuation"]
    )
    facts = {**json.loads(wish["SecretStringTemplate"]), wish["GenerateStringKey"]: made["RandomPassword"]}
    client("secretsmanager").create_secret(
        Name=wanted["Name"], KmsKeyId=wanted["KmsKeyId"], SecretString=json.dumps(facts)
    )
    return str(wanted["Name"])


def _link(wanted: Properties) -> str:
    return str(client("apigatewayv2").create_vpc_link(**without_tags(wanted))["VpcLinkId"])


def _load_balancer(wanted: Properties) -> str:
    """moto knows this one, but not its full name, which dashboards and alarms ask for."""
    names = ("Name", "Scheme", "Type", "Subnets", "SecurityGroups")
    [made] = client("elbv2").create_load_balancer(**{name: wanted[name] for name in names})["LoadBalancers"]
    arn = str(made["LoadBalancerArn"])
    client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=wanted["LoadBalancerAttributes"]
    )
    return arn


def _targets(wanted: Properties) -> str:
    """moto knows this one, but not its full name either."""
    parameters = {name: one for name, one in without_tags(wanted).items() if name != "TargetGroupAttributes"}
    [made] = client("elbv2").create_target_group(**parameters)["TargetGroups"]
    arn = str(made["TargetGroupArn"])
    client("elbv2").modify_target_group_attributes(TargetGroupArn=arn, Attributes=wanted["TargetGroupAttributes"])
    return arn


def _certificate(wanted: Properties) -> str:
    made = client("acm").request_certificate(
        DomainName=wanted["DomainName"],
        SubjectAlternativeNames=wanted["SubjectAlternativeNames"],
        ValidationMethod=wanted["ValidationMethod"],
    )
    return str(made["CertificateArn"])


CALLS: dict[str, Call] = {
    "AWS::ApiGatewayV2::VpcLink": _link,
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::ElastiCache::ReplicationGroup": _cache,
    "AWS::ElastiCache::SubnetGroup": _cache_subnets,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _targets,
    "AWS::Logs::LogStream": _log_stream,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::RDS::DBInstance": _database,
    "AWS::RDS::DBParameterGroup": _database_parameters,
    "AWS::RDS::DBSubnetGroup": _database_subnets,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::SecretsManager::Secret": _secret,
}
