"""What has to hold of the networks beside who can reach whom."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.environment import OUT, SERVICES
from infra.reachability.resources import Resource, load
from infra.tests.support import ENVIRONMENTS


def of_type(environment: str, kind: str) -> Iterator[Resource]:
    return (one for one in load(OUT / environment).values() if one.type == kind)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_all_traffic_of_each_network_is_logged_encrypted_and_kept(environment: str) -> None:
    networks = {one.id for one in of_type(environment, "AWS::EC2::VPC")}
    logs = {one.properties["ResourceId"]: one.properties for one in of_type(environment, "AWS::EC2::FlowLog")}
    groups = {one.id: one.properties for one in of_type(environment, "AWS::Logs::LogGroup")}

    assert len(networks) == len(SERVICES)
    assert logs.keys() == networks
    for log in logs.values():
        group = groups[log["LogDestination"]]
        assert log["TrafficType"] == "ALL"
        assert group["KmsKeyId"]
        assert group["RetentionInDays"] >= 365


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_gets_on_the_transit_gateway_by_itself(environment: str) -> None:
    [gateway] = of_type(environment, "AWS::EC2::TransitGateway")
    names = ("AutoAcceptSharedAttachments", "DefaultRouteTableAssociation", "DefaultRouteTablePropagation")

    assert {name: gateway.properties[name] for name in names} == dict.fromkeys(names, "disable")
    assert not list(of_type(environment, "AWS::EC2::TransitGatewayRouteTablePropagation"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_phones_come_with_a_certificate_and_are_logged(environment: str) -> None:
    [vpn] = of_type(environment, "AWS::EC2::ClientVpnEndpoint")
    [how] = vpn.properties["AuthenticationOptions"]

    assert how["Type"] == "certificate-authentication"
    assert how["MutualAuthentication"]["ClientRootCertificateChainArn"].endswith("ClientVpnPhonesAuthorityArn")
    assert vpn.properties["ConnectionLogOptions"]["Enabled"] is True
    assert vpn.properties["SplitTunnel"] is True
    assert vpn.properties["SessionTimeoutHours"] <= 12


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_phones_ask_the_internal_resolver_for_names(environment: str) -> None:
    [vpn] = of_type(environment, "AWS::EC2::ClientVpnEndpoint")
    [resolver] = of_type(environment, "AWS::Route53Resolver::ResolverEndpoint")

    assert vpn.properties["DnsServers"] == [one["Ip"] for one in resolver.properties["IpAddresses"]]
    [zone] = (one for one in of_type(environment, "AWS::Route53::HostedZone") if "/InternalZone" in one.id)
    assert zone.properties["Name"].startswith("internal.")
    assert len(zone.properties["VPCs"]) == len(SERVICES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_access_list_has_room_in_amazons_limit(environment: str) -> None:
    """Twenty entries in each direction; more need a quota increase, and cost time on every packet."""
    counts: dict[tuple[str, bool], int] = {}
    for entry in of_type(environment, "AWS::EC2::NetworkAclEntry"):
        key = entry.properties["NetworkAclId"], entry.properties["Egress"]
        counts[key] = counts.get(key, 0) + 1

    assert max(counts.values()) <= 19
