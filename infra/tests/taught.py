"""What moto's CloudFormation does not know and its API does: each type here is made by calls of boto3.

moto finds the class of a type among the subclasses of its model, the last one first, so a class for each type is
all it takes. Values come with their references already resolved.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from moto.cloudformation.parsing import CloudFormationModel  # with all of its own models before ours

from infra.tests.support import client

Properties = dict[str, Any]


def _access_list(wanted: Properties) -> str:
    return str(client("ec2").create_network_acl(VpcId=wanted["VpcId"])["NetworkAcl"]["NetworkAclId"])


def _access_list_entry(wanted: Properties) -> str:
    client("ec2").create_network_acl_entry(**{**wanted, "Protocol": str(wanted["Protocol"])})
    return f"{wanted['NetworkAclId']}/{wanted['Egress']}/{wanted['RuleNumber']}"


def _access_list_association(wanted: Properties) -> str:
    """A subnet has the list of its network from the start; that one is replaced."""
    here = [{"Name": "association.subnet-id", "Values": [wanted["SubnetId"]]}]
    [present] = client("ec2").describe_network_acls(Filters=here)["NetworkAcls"]
    [association] = [one for one in present["Associations"] if one["SubnetId"] == wanted["SubnetId"]]
    made = client("ec2").replace_network_acl_association(
        AssociationId=association["NetworkAclAssociationId"], NetworkAclId=wanted["NetworkAclId"]
    )
    return str(made["NewAssociationId"])


def _routing(wanted: Properties) -> str:
    """moto knows this one, but takes the table's id for the association's."""
    return str(client("ec2").associate_route_table(**wanted)["AssociationId"])


def _vpc(wanted: Properties) -> str:
    """moto knows this one, but neither of its switches for names."""
    id_ = str(client("ec2").create_vpc(CidrBlock=wanted["CidrBlock"])["Vpc"]["VpcId"])
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        client("ec2").modify_vpc_attribute(VpcId=id_, **{name: {"Value": wanted[name]}})
    return id_


def _group(wanted: Properties) -> str:
    """moto knows this one, but not its outbound rules, and lets everything out."""
    made = client("ec2").create_security_group(
        GroupName=wanted["GroupDescription"], Description=wanted["GroupDescription"], VpcId=wanted["VpcId"]
    )
    id_ = str(made["GroupId"])
    [group] = client("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"]
    client("ec2").revoke_security_group_egress(GroupId=id_, IpPermissions=group["IpPermissionsEgress"])
    for rule in wanted["SecurityGroupEgress"]:
        _outbound_rule({**rule, "GroupId": id_})
    return id_


def _outbound_rule(wanted: Properties) -> str:
    client("ec2").authorize_security_group_egress(GroupId=wanted["GroupId"], IpPermissions=[_permission(wanted)])
    return f"{wanted['GroupId']}/{wanted['Description']}"


def _inbound_rule(wanted: Properties) -> str:
    """moto knows this one, but gives it no id, so that nobody sees whether it was made."""
    client("ec2").authorize_security_group_ingress(GroupId=wanted["GroupId"], IpPermissions=[_permission(wanted)])
    return f"{wanted['GroupId']}/{wanted['Description']}"


def _permission(rule: Properties) -> dict[str, Any]:
    found = {"IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"], "ToPort": rule["ToPort"]}
    if "CidrIp" in rule:
        return {**found, "IpRanges": [{"CidrIp": rule["CidrIp"]}]}
    group = rule.get("SourceSecurityGroupId") or rule["DestinationSecurityGroupId"]
    return {**found, "UserIdGroupPairs": [{"GroupId": group}]}


def _endpoint(wanted: Properties) -> str:
    """moto knows this one, but not its names, which the internal gateway's record asks for."""
    made = client("ec2").create_vpc_endpoint(**_without_tags(wanted))
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _attachment(wanted: Properties) -> str:
    made = client("ec2").create_transit_gateway_vpc_attachment(**_without_tags(wanted))
    return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])


def _transit_table(wanted: Properties) -> str:
    made = client("ec2").create_transit_gateway_route_table(**_without_tags(wanted))
    return str(made["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"])


def _transit_association(wanted: Properties) -> str:
    client("ec2").associate_transit_gateway_route_table(**wanted)
    return f"{wanted['TransitGatewayRouteTableId']}/{wanted['TransitGatewayAttachmentId']}"


def _transit_route(wanted: Properties) -> str:
    client("ec2").create_transit_gateway_route(**wanted)
    return f"{wanted['TransitGatewayRouteTableId']}/{wanted['DestinationCidrBlock']}"


def _company_gateway(wanted: Properties) -> str:
    made = client("ec2").create_customer_gateway(
        BgpAsn=wanted["BgpAsn"], PublicIp=wanted["IpAddress"], Type=wanted["Type"]
    )
    return str(made["CustomerGateway"]["CustomerGatewayId"])


def _vpn(wanted: Properties) -> str:
    options = {"StaticRoutesOnly": wanted["StaticRoutesOnly"]}
    names = ("Type", "CustomerGatewayId", "VpnGatewayId")
    made = client("ec2").create_vpn_connection(Options=options, **{name: wanted[name] for name in names})
    return str(made["VpnConnection"]["VpnConnectionId"])


def _resolver(wanted: Properties) -> str:
    made = client("route53resolver").create_resolver_endpoint(
        CreatorRequestId="emulated",
        Direction=wanted["Direction"],
        SecurityGroupIds=wanted["SecurityGroupIds"],
        IpAddresses=wanted["IpAddresses"],
    )
    return str(made["ResolverEndpoint"]["Id"])


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
    client("cloudwatch").put_metric_alarm(**_without_tags(wanted))
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
    name = wanted["Description"].replace(" ", "-").replace(",", "").lower()
    name = f"{name}-{len(client('rds').describe_db_parameter_groups()['DBParameterGroups'])}"
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
    parameters = {name: one for name, one in _without_tags(wanted).items() if name != "TargetGroupAttributes"}
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


def _without_tags(wanted: Properties) -> Properties:
    return {name: value for name, value in wanted.items() if name != "Tags"}


CALLS: dict[str, Callable[[Properties], str]] = {
    "AWS::CertificateManager::Certificate": _certificate,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::EC2::CustomerGateway": _company_gateway,
    "AWS::EC2::NetworkAcl": _access_list,
    "AWS::EC2::NetworkAclEntry": _access_list_entry,
    "AWS::EC2::SecurityGroup": _group,
    "AWS::EC2::SecurityGroupEgress": _outbound_rule,
    "AWS::EC2::SecurityGroupIngress": _inbound_rule,
    "AWS::EC2::SubnetNetworkAclAssociation": _access_list_association,
    "AWS::EC2::SubnetRouteTableAssociation": _routing,
    "AWS::EC2::TransitGatewayAttachment": _attachment,
    "AWS::EC2::TransitGatewayRoute": _transit_route,
    "AWS::EC2::TransitGatewayRouteTable": _transit_table,
    "AWS::EC2::TransitGatewayRouteTableAssociation": _transit_association,
    "AWS::EC2::VPC": _vpc,
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::EC2::VPNConnection": _vpn,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancer,
    "AWS::ElasticLoadBalancingV2::TargetGroup": _targets,
    "AWS::Logs::LogStream": _log_stream,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::RDS::DBParameterGroup": _database_parameters,
    "AWS::Route53Resolver::ResolverEndpoint": _resolver,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
}


# What moto knew before.
KNOWN = {model.cloudformation_type() for model in CloudFormationModel.__subclasses__()}


def teach(kind: str, make: Callable[[Properties], str]) -> type[CloudFormationModel]:
    class Taught(CloudFormationModel):  # type: ignore[misc]
        def __init__(self, id_: str) -> None:
            self.physical_resource_id = id_

        @staticmethod
        def cloudformation_name_type() -> str:
            return ""

        @staticmethod
        def cloudformation_type() -> str:
            return kind

        @classmethod
        def create_from_cloudformation_json(cls, *arguments: Any, **_: Any) -> Taught:
            _name, body, *_place = arguments
            return cls(make(body["Properties"]))

        def get_cfn_attribute(self, attribute: str) -> str | list[str]:
            """The id, also as an endpoint's zone and name."""
            id_ = self.physical_resource_id
            return [f"zone-of-{id_}:name-of-{id_}"] if attribute == "DnsEntries" else id_

    return Taught


# Kept, since moto holds its models weakly.
MODELS = [teach(kind, make) for kind, make in CALLS.items()]
