"""The networks as CloudFormation makes them in the emulator; boto3 sees what the templates say, and no more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.environment import SERVICES
from infra.tests.emulator import NOT_MADE, Made, emulated
from infra.tests.support import client

STACKS = (*(f"{service}-network" for service in SERVICES), "transit", "entry")


@pytest.fixture(scope="module", params=["dev", "prod"])
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    with emulated(request.param, *STACKS) as found:
        yield found


def test_all_of_it_is_made_but_what_the_emulator_has_not(made: Made) -> None:
    networking = {kind for kind in NOT_MADE if kind.startswith("AWS::EC2::")}

    assert made.left_out == networking


def test_networks_have_their_ranges_and_answer_with_names(made: Made) -> None:
    found = made.ours(client("ec2").describe_vpcs()["Vpcs"], "VpcId")

    assert {id_: one["CidrBlock"] for id_, one in found.items()} == {
        id_: one["CidrBlock"] for id_, one in made.of_type("AWS::EC2::VPC").items()
    }
    for one in found.values():
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            attribute = client("ec2").describe_vpc_attribute(VpcId=one["VpcId"], Attribute=name)
            assert attribute[f"{name[0].upper()}{name[1:]}"]["Value"] is True


def test_subnets_are_in_their_zones_and_give_out_no_public_addresses(made: Made) -> None:
    found = made.ours(client("ec2").describe_subnets()["Subnets"], "SubnetId")
    names = ("VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch")

    assert {id_: {**{n: one[n] for n in names}, "VpcId": made.id(one["VpcId"])} for id_, one in found.items()} == {
        id_: {n: one[n] for n in names} for id_, one in made.of_type("AWS::EC2::Subnet").items()
    }


TARGETS = ("GatewayId", "NatGatewayId", "TransitGatewayId")


def test_route_tables_have_the_routes_of_the_templates_and_no_others(made: Made) -> None:
    found = made.ours(client("ec2").describe_route_tables()["RouteTables"], "RouteTableId")
    routes = {(id_, *way) for id_, table in found.items() for way in ways_made(made, table["Routes"])}

    assert found.keys() == made.of_type("AWS::EC2::RouteTable").keys()
    assert routes == {
        (route["RouteTableId"], route["DestinationCidrBlock"], next(route[n] for n in TARGETS if n in route))
        for route in made.of_type("AWS::EC2::Route").values()
    } | {
        (table, "addresses of S3", id_)
        for id_, endpoint in made.of_type("AWS::EC2::VPCEndpoint").items()
        for table in endpoint.get("RouteTableIds", ())
    }
    assert {(id_, made.id(one["SubnetId"])) for id_, table in found.items() for one in table["Associations"]} == {
        (one["RouteTableId"], one["SubnetId"])
        for one in made.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    }


def ways_made(made: Made, routes: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Destination and target of each route but the network's own; an endpoint's is a list of addresses."""
    for route in routes:
        if route.get("GatewayId") != "local":
            target = next(route[name] for name in TARGETS if name in route)
            yield route.get("DestinationCidrBlock", "addresses of S3"), made.id(target)


def test_access_lists_have_the_entries_of_the_templates_and_no_others(made: Made) -> None:
    found = made.ours(client("ec2").describe_network_acls()["NetworkAcls"], "NetworkAclId")
    names = ("RuleNumber", "Egress", "RuleAction", "CidrBlock")

    assert found.keys() == made.of_type("AWS::EC2::NetworkAcl").keys()
    assert {
        (id_, *(entry[n] for n in names), int(entry["Protocol"]), *sorted(entry["PortRange"].items()))
        for id_, one in found.items()
        for entry in one["Entries"]
    } == {
        (entry["NetworkAclId"], *(entry[n] for n in names), entry["Protocol"], *sorted(entry["PortRange"].items()))
        for entry in made.of_type("AWS::EC2::NetworkAclEntry").values()
    }
    assert {(id_, made.id(one["SubnetId"])) for id_, each in found.items() for one in each["Associations"]} == {
        (one["NetworkAclId"], one["SubnetId"])
        for one in made.of_type("AWS::EC2::SubnetNetworkAclAssociation").values()
    }


def test_groups_have_the_rules_of_the_templates_and_no_others(made: Made) -> None:
    found = made.ours(client("ec2").describe_security_groups()["SecurityGroups"], "GroupId")
    expected = made.of_type("AWS::EC2::SecurityGroup")

    assert {id_: made.id(one["VpcId"]) for id_, one in found.items()} == {
        id_: one["VpcId"] for id_, one in expected.items()
    }
    assert {(id_, *rule) for id_, one in found.items() for rule in rules_made(made, one["IpPermissions"])} == {
        (one["GroupId"], *rule_wanted(one)) for one in made.of_type("AWS::EC2::SecurityGroupIngress").values()
    }
    nothing = {(id_, *rule_wanted(rule)) for id_, one in expected.items() for rule in one["SecurityGroupEgress"]}
    assert len(nothing) == len(expected)
    assert {
        (id_, *rule) for id_, one in found.items() for rule in rules_made(made, one["IpPermissionsEgress"])
    } == nothing | {
        (one["GroupId"], *rule_wanted(one)) for one in made.of_type("AWS::EC2::SecurityGroupEgress").values()
    }


Rule = tuple[str, int, int, str]


def rules_made(made: Made, permissions: list[dict[str, Any]]) -> Iterator[Rule]:
    """Protocol, ports, and the far end of each rule."""
    for one in permissions:
        ends = [*(end["CidrIp"] for end in one["IpRanges"])]
        ends += [made.id(end["GroupId"]) for end in one["UserIdGroupPairs"]]
        assert not one["Ipv6Ranges"]
        for end in ends:
            yield one["IpProtocol"], one["FromPort"], one["ToPort"], end


def rule_wanted(rule: Mapping[str, Any]) -> Rule:
    ends = ("CidrIp", "SourceSecurityGroupId", "DestinationSecurityGroupId")
    [end] = [rule[name] for name in ends if name in rule]
    return rule["IpProtocol"], rule["FromPort"], rule["ToPort"], end


def test_each_network_has_its_internet_gateway_and_its_nat_gateways(made: Made) -> None:
    gateways = made.ours(client("ec2").describe_internet_gateways()["InternetGateways"], "InternetGatewayId")
    attached = [
        one for one in made.of_type("AWS::EC2::VPCGatewayAttachment").values() if "InternetGatewayId" in one
    ]
    nats = made.ours(client("ec2").describe_nat_gateways()["NatGateways"], "NatGatewayId")
    addresses = [one["AllocationId"] for one in client("ec2").describe_addresses()["Addresses"]]

    assert {(id_, made.id(to["VpcId"])) for id_, one in gateways.items() for to in one["Attachments"]} == {
        (one["InternetGatewayId"], one["VpcId"]) for one in attached
    }
    assert len(gateways) == len(SERVICES)
    assert {id_: made.id(one["SubnetId"]) for id_, one in nats.items()} == {
        id_: one["SubnetId"] for id_, one in made.of_type("AWS::EC2::NatGateway").items()
    }
    used = [at["AllocationId"] for one in nats.values() for at in one["NatGatewayAddresses"]]
    assert sorted(used) == sorted(addresses)


def test_endpoints_stand_in_their_subnets_and_tables(made: Made) -> None:
    described = client("ec2").get_paginator("describe_vpc_endpoints").paginate()
    endpoints = [one for page in described for one in page["VpcEndpoints"]]
    found = made.ours(endpoints, "VpcEndpointId")

    assert {id_: endpoint_made(made, one) for id_, one in found.items()} == {
        id_: endpoint_wanted(one) for id_, one in made.of_type("AWS::EC2::VPCEndpoint").items()
    }


Endpoint = tuple[str, str, str, bool, list[str], list[str], list[str]]


def endpoint_made(made: Made, one: Mapping[str, Any]) -> Endpoint:
    subnets, tables = (sorted(map(made.id, one[name])) for name in ("SubnetIds", "RouteTableIds"))
    groups = sorted(made.id(group["GroupId"]) for group in one["Groups"])
    names = one["VpcEndpointType"] == "Interface" and one["PrivateDnsEnabled"]
    return made.id(one["VpcId"]), one["ServiceName"], one["VpcEndpointType"], names, subnets, tables, groups


def endpoint_wanted(one: Mapping[str, Any]) -> Endpoint:
    subnets, tables, groups = (
        sorted(one.get(name, ())) for name in ("SubnetIds", "RouteTableIds", "SecurityGroupIds")
    )
    names = bool(one.get("PrivateDnsEnabled"))
    return one["VpcId"], one["ServiceName"], one["VpcEndpointType"], names, subnets, tables, groups


def test_all_traffic_of_each_network_is_logged(made: Made) -> None:
    found = made.ours(client("ec2").describe_flow_logs()["FlowLogs"], "FlowLogId")
    expected = made.of_type("AWS::EC2::FlowLog")

    assert {(id_, made.id(one["ResourceId"]), one["TrafficType"]) for id_, one in found.items()} == {
        (id_, one["ResourceId"], "ALL") for id_, one in expected.items()
    }
    assert len(found) == len(SERVICES)


def test_the_transit_gateway_knows_the_pairs_and_no_others(made: Made) -> None:
    [gateway] = client("ec2").describe_transit_gateways()["TransitGateways"]
    [(id_, expected)] = made.of_type("AWS::EC2::TransitGateway").items()
    options = ("DefaultRouteTableAssociation", "DefaultRouteTablePropagation", "AutoAcceptSharedAttachments")
    described = client("ec2").describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"]
    attachments = made.ours(described, "TransitGatewayAttachmentId")

    assert made.id(gateway["TransitGatewayId"]) == id_
    assert {name: gateway["Options"][name] for name in options} == {name: expected[name] for name in options}
    wanted_attachments = made.of_type("AWS::EC2::TransitGatewayAttachment")
    assert {
        id_: (made.id(one["VpcId"]), {made.id(subnet) for subnet in one["SubnetIds"]})
        for id_, one in attachments.items()
    } == {id_: (one["VpcId"], set(one["SubnetIds"])) for id_, one in wanted_attachments.items()}
    assert set(transit_routes(made)) == {
        (one["TransitGatewayRouteTableId"], one["DestinationCidrBlock"])
        for one in made.of_type("AWS::EC2::TransitGatewayRoute").values()
    }
    assert set(transit_associations(made)) == {
        (one["TransitGatewayRouteTableId"], one["TransitGatewayAttachmentId"])
        for one in made.of_type("AWS::EC2::TransitGatewayRouteTableAssociation").values()
    }


def transit_tables(made: Made) -> dict[str, str]:
    """The id that the emulator gave each table."""
    described = client("ec2").describe_transit_gateway_route_tables()["TransitGatewayRouteTables"]
    found = made.ours(described, "TransitGatewayRouteTableId")
    assert found.keys() == made.of_type("AWS::EC2::TransitGatewayRouteTable").keys()
    return {id_: one["TransitGatewayRouteTableId"] for id_, one in found.items()}


def transit_routes(made: Made) -> Iterator[tuple[str, str]]:
    """Table and destination; moto does not tell where a route leads, which the computed proof looks at."""
    any_state = [{"Name": "state", "Values": ["active", "blackhole"]}]
    for id_, table in transit_tables(made).items():
        found = client("ec2").search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=any_state)
        for route in found["Routes"]:
            assert (route["Type"], route["State"]) == ("static", "active")
            yield id_, route["DestinationCidrBlock"]


def transit_associations(made: Made) -> Iterator[tuple[str, str]]:
    for id_, table in transit_tables(made).items():
        of_table = {"TransitGatewayRouteTableId": table}
        associated = client("ec2").get_transit_gateway_route_table_associations(**of_table)
        learnt = client("ec2").get_transit_gateway_route_table_propagations(**of_table)
        assert learnt["TransitGatewayRouteTablePropagations"] == []
        for one in associated["Associations"]:
            yield id_, made.id(one["TransitGatewayAttachmentId"])


def test_the_company_comes_by_a_vpn_to_admins_network_alone(made: Made) -> None:
    [connection] = client("ec2").describe_vpn_connections()["VpnConnections"]
    [gateway] = client("ec2").describe_vpn_gateways()["VpnGateways"]
    [company] = client("ec2").describe_customer_gateways()["CustomerGateways"]
    [expected] = made.of_type("AWS::EC2::VPNConnection").values()
    [far_end] = made.of_type("AWS::EC2::CustomerGateway").values()
    [attached] = [one for one in made.of_type("AWS::EC2::VPCGatewayAttachment").values() if "VpnGatewayId" in one]

    assert made.id(connection["VpnGatewayId"]) == expected["VpnGatewayId"]
    assert made.id(connection["CustomerGatewayId"]) == expected["CustomerGatewayId"]
    assert company["IpAddress"] == far_end["IpAddress"]
    assert [made.id(one["VpcId"]) for one in gateway["VpcAttachments"]] == [attached["VpcId"]]


def test_the_internal_resolver_stands_in_the_entry_subnets(made: Made) -> None:
    [endpoint] = client("route53resolver").list_resolver_endpoints()["ResolverEndpoints"]
    addresses = client("route53resolver").list_resolver_endpoint_ip_addresses(ResolverEndpointId=endpoint["Id"])
    [expected] = made.of_type("AWS::Route53Resolver::ResolverEndpoint").values()

    assert endpoint["Direction"] == "INBOUND"
    assert {(made.id(one["SubnetId"]), one["Ip"]) for one in addresses["IpAddresses"]} == {
        (one["SubnetId"], one["Ip"]) for one in expected["IpAddresses"]
    }
