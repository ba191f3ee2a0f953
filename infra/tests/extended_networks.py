"""How boto3 makes what moto's CloudFormation does not know of the networks, or knows wrongly."""

from __future__ import annotations

from typing import Any

from infra.tests.moto_extensions import Call, Properties, without_tags
from infra.tests.support import client


def _access_list(properties: Properties) -> str:
    return str(client("ec2").create_network_acl(VpcId=properties["VpcId"])["NetworkAcl"]["NetworkAclId"])


def _access_list_entry(properties: Properties) -> str:
    client("ec2").create_network_acl_entry(**{**properties, "Protocol": str(properties["Protocol"])})
    return f"{properties['NetworkAclId']}/{properties['Egress']}/{properties['RuleNumber']}"


def _access_list_association(properties: Properties) -> str:
    """A subnet has the list of its network from the start; that one is replaced."""
    here = [{"Name": "association.subnet-id", "Values": [properties["SubnetId"]]}]
    [present] = client("ec2").describe_network_acls(Filters=here)["NetworkAcls"]
    [association] = [one for one in present["Associations"] if one["SubnetId"] == properties["SubnetId"]]
    made = client("ec2").replace_network_acl_association(
        AssociationId=association["NetworkAclAssociationId"], NetworkAclId=properties["NetworkAclId"]
    )
    return str(made["NewAssociationId"])


def _routing(properties: Properties) -> str:
    """moto knows this one, but takes the table's id for the association's."""
    return str(client("ec2").associate_route_table(**properties)["AssociationId"])


def _vpc(properties: Properties) -> str:
    """moto knows this one, but neither of its switches for names."""
    id_ = str(client("ec2").create_vpc(CidrBlock=properties["CidrBlock"])["Vpc"]["VpcId"])
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        client("ec2").modify_vpc_attribute(VpcId=id_, **{name: {"Value": properties[name]}})
    return id_


def _group(properties: Properties) -> str:
    """moto knows this one, but not its outbound rules, and lets everything out."""
    made = client("ec2").create_security_group(
        GroupName=properties["GroupDescription"],
        Description=properties["GroupDescription"],
        VpcId=properties["VpcId"],
    )
    id_ = str(made["GroupId"])
    [group] = client("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"]
    client("ec2").revoke_security_group_egress(GroupId=id_, IpPermissions=group["IpPermissionsEgress"])
    for rule in properties["SecurityGroupEgress"]:
        _outbound_rule({**rule, "GroupId": id_})
    return id_


def _outbound_rule(properties: Properties) -> str:
    client("ec2").authorize_security_group_egress(
        GroupId=properties["GroupId"], IpPermissions=[_permission(properties)]
    )
    return f"{properties['GroupId']}/{properties['Description']}"


def _inbound_rule(properties: Properties) -> str:
    """moto knows this one, but gives it no id, so that nobody sees whether it was made."""
    client("ec2").authorize_security_group_ingress(
        GroupId=properties["GroupId"], IpPermissions=[_permission(properties)]
    )
    return f"{properties['GroupId']}/{properties['Description']}"


def _permission(rule: Properties) -> dict[str, Any]:
    found = {"IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"], "ToPort": rule["ToPort"]}
    if "CidrIp" in rule:
        return {**found, "IpRanges": [{"CidrIp": rule["CidrIp"]}]}
    group = rule.get("SourceSecurityGroupId") or rule["DestinationSecurityGroupId"]
    return {**found, "UserIdGroupPairs": [{"GroupId": group}]}


def _endpoint(properties: Properties) -> str:
    """moto knows this one, but not its names, which the internal gateway's record needs."""
    made = client("ec2").create_vpc_endpoint(**without_tags(properties))
    return str(made["VpcEndpoint"]["VpcEndpointId"])


def _attachment(properties: Properties) -> str:
    made = client("ec2").create_transit_gateway_vpc_attachment(**without_tags(properties))
    return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])


def _transit_table(properties: Properties) -> str:
    made = client("ec2").create_transit_gateway_route_table(**without_tags(properties))
    return str(made["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"])


def _transit_association(properties: Properties) -> str:
    client("ec2").associate_transit_gateway_route_table(**properties)
    return f"{properties['TransitGatewayRouteTableId']}/{properties['TransitGatewayAttachmentId']}"


def _transit_route(properties: Properties) -> str:
    client("ec2").create_transit_gateway_route(**properties)
    return f"{properties['TransitGatewayRouteTableId']}/{properties['DestinationCidrBlock']}"


def _company_gateway(properties: Properties) -> str:
    made = client("ec2").create_customer_gateway(
        BgpAsn=properties["BgpAsn"], PublicIp=properties["IpAddress"], Type=properties["Type"]
    )
    return str(made["CustomerGateway"]["CustomerGatewayId"])


def _vpn(properties: Properties) -> str:
    options = {"StaticRoutesOnly": properties["StaticRoutesOnly"]}
    names = ("Type", "CustomerGatewayId", "VpnGatewayId")
    made = client("ec2").create_vpn_connection(Options=options, **{name: properties[name] for name in names})
    return str(made["VpnConnection"]["VpnConnectionId"])


def _resolver(properties: Properties) -> str:
    made = client("route53resolver").create_resolver_endpoint(
        CreatorRequestId="emulated",
        Direction=properties["Direction"],
        SecurityGroupIds=properties["SecurityGroupIds"],
        IpAddresses=properties["IpAddresses"],
    )
    return str(made["ResolverEndpoint"]["Id"])


CALLS: dict[str, Call] = {
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
    "AWS::Route53Resolver::ResolverEndpoint": _resolver,
}
