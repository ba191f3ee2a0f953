"""How boto3 makes what moto's CloudFormation does not know of the other stacks, or knows wrongly."""

from __future__ import annotations

import json

from infra.tests.moto_extensions import Call, Properties, without_tags
from infra.tests.support import client


def _log_stream(properties: Properties) -> str:
    client("logs").create_log_stream(
        logGroupName=properties["LogGroupName"], logStreamName=properties["LogStreamName"]
    )
    return str(properties["LogStreamName"])


def _subscription(properties: Properties) -> str:
    names = ("RawMessageDelivery", "FilterPolicy")
    made = client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        Attributes={name: json.dumps(properties[name]) for name in names if name in properties},
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _metric_filter(properties: Properties) -> str:
    [transformation] = properties["MetricTransformations"]
    name = transformation["MetricName"]
    client("logs").put_metric_filter(
        logGroupName=properties["LogGroupName"],
        filterName=name,
        filterPattern=properties["FilterPattern"],
        metricTransformations=[{key[0].lower() + key[1:]: value for key, value in transformation.items()}],
    )
    return f"{properties['LogGroupName']}/{name}"


def _alarm(properties: Properties) -> str:
    client("cloudwatch").put_metric_alarm(**without_tags(properties))
    return str(properties["AlarmName"])


def _topic_policy(properties: Properties) -> str:
    for topic in properties["Topics"]:
        client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(properties["PolicyDocument"])
        )
    return f"{properties['Topics']}/policy"


def _queue_policy(properties: Properties) -> str:
    for queue in properties["Queues"]:
        policy = {"Policy": json.dumps(properties["PolicyDocument"])}
        client("sqs").set_queue_attributes(QueueUrl=queue, Attributes=policy)
    return f"{properties['Queues']}/policy"


def _bucket_policy(properties: Properties) -> str:
    client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"]))
    return f"{properties['Bucket']}/policy"


def _trail(properties: Properties) -> str:
    names = ("S3BucketName", "IsMultiRegionTrail", "IncludeGlobalServiceEvents", "EnableLogFileValidation")
    client("cloudtrail").create_trail(Name=properties["TrailName"], **{name: properties[name] for name in names})
    client("cloudtrail").start_logging(Name=properties["TrailName"])
    return str(properties["TrailName"])


def _database_parameters(properties: Properties) -> str:
    """moto knows this one, and then cannot make an instance with it."""
    name = f"parameters-{len(client('rds').describe_db_parameter_groups()['DBParameterGroups'])}"
    client("rds").create_db_parameter_group(
        DBParameterGroupName=name,
        DBParameterGroupFamily=properties["Family"],
        Description=properties["Description"],
    )
    client("rds").modify_db_parameter_group(
        DBParameterGroupName=name,
        Parameters=[
            {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for key, value in properties["Parameters"].items()
        ],
    )
    return name


def _database_subnets(properties: Properties) -> str:
    """moto knows this one, but others cannot refer to it."""
    name = f"subnets-{len(client('rds').describe_db_subnet_groups()['DBSubnetGroups'])}"
    client("rds").create_db_subnet_group(
        DBSubnetGroupName=name,
        DBSubnetGroupDescription=properties["DBSubnetGroupDescription"],
        SubnetIds=properties["SubnetIds"],
    )
    return name


def _database(properties: Properties) -> str:
    """moto knows this one, but not its master's secret, and forgets the protection against deletion."""
    renamed = {"VPCSecurityGroups", "MasterUserSecret", "DeleteAutomatedBackups", "Tags"}
    client("rds").create_db_instance(
        **{
            **{name: value for name, value in properties.items() if name not in renamed},
            "VpcSecurityGroupIds": properties["VPCSecurityGroups"],
            "MasterUserSecretKmsKeyId": properties["MasterUserSecret"]["KmsKeyId"],
            "AllocatedStorage": int(properties["AllocatedStorage"]),
            "Port": int(properties["Port"]),
        }
    )
    return str(properties["DBInstanceIdentifier"])


def _cache_subnets(properties: Properties) -> str:
    name = f"subnets-{len(client('elasticache').describe_cache_subnet_groups()['CacheSubnetGroups'])}"
    client("elasticache").create_cache_subnet_group(
        CacheSubnetGroupName=name,
        CacheSubnetGroupDescription=properties["Description"],
        SubnetIds=properties["SubnetIds"],
    )
    return name


def _cache(properties: Properties) -> str:
    client("elasticache").create_replication_group(**properties)
    return str(properties["ReplicationGroupId"])


def _secret(properties: Properties) -> str:
    """As Secrets Manager does it: the facts of the template, and a password. Known by its name, since moto reads no
    reference to a secret, and takes one with a whole ARN for too long a header."""
    wish = properties["GenerateSecretString"]
    made = client("secretsmanager").get_random_password(
        PasswordLength=wish["PasswordLength"], ExcludePunctuation=wish["ExcludePunctuation"]
    )
    facts = {**json.loads(wish["SecretStringTemplate"]), wish["GenerateStringKey"]: made["RandomPassword"]}
    client("secretsmanager").create_secret(
        Name=properties["Name"], KmsKeyId=properties["KmsKeyId"], SecretString=json.dumps(facts)
    )
    return str(properties["Name"])


def _link(properties: Properties) -> str:
    return str(client("apigatewayv2").create_vpc_link(**without_tags(properties))["VpcLinkId"])


def _load_balancer(properties: Properties) -> str:
    """moto knows this one, but not its full name, which dashboards and alarms need."""
    names = ("Name", "Scheme", "Type", "Subnets", "SecurityGroups")
    [made] = client("elbv2").create_load_balancer(**{name: properties[name] for name in names})["LoadBalancers"]
    arn = str(made["LoadBalancerArn"])
    client("elbv2").modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=properties["LoadBalancerAttributes"]
    )
    return arn


def _targets(properties: Properties) -> str:
    """moto knows this one, but not its full name either."""
    parameters = {name: one for name, one in without_tags(properties).items() if name != "TargetGroupAttributes"}
    [made] = client("elbv2").create_target_group(**parameters)["TargetGroups"]
    arn = str(made["TargetGroupArn"])
    client("elbv2").modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=properties["TargetGroupAttributes"]
    )
    return arn


def _certificate(properties: Properties) -> str:
    made = client("acm").request_certificate(
        DomainName=properties["DomainName"],
        SubjectAlternativeNames=properties["SubjectAlternativeNames"],
        ValidationMethod=properties["ValidationMethod"],
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
