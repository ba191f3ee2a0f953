"""The Transit Gateway: the only way from one service's network into another's, and only between those that talk.

Each network has its own route table there, with static routes to exactly the tiers that it calls or responds to,
and no propagation: without an entry here there is no route.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2

from infra.network import ranges
from infra.network.data_flow import (
    ELASTICACHE,
    HTTPS,
    PEERS,
    SETTINGS_OWNER,
    settings_readers,
)
from infra.network.groups import let_in, let_out, single
from infra.network.ranges import COMPUTE, DATA, PUBLIC
from infra.network.service_network import ZONES, ServiceNetwork


class TransitStack(Stack):
    """The Transit Gateway with the routes and inbound rules of all pairs."""

    def __init__(self, scope: Any, id_: str, *, networks: Mapping[str, ServiceNetwork], **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        self._networks = networks
        self.gateway = self._make_gateway()
        self._attachments = {service: self._attach(network) for service, network in networks.items()}
        self._tables = {service: self._make_table(service) for service in networks}
        for caller, peers in PEERS.items():
            for peer in peers:
                self._connect(caller, peer, PUBLIC)
                name = f"{caller.capitalize()}Calls{peer.capitalize()}"
                let_in(
                    self,
                    name,
                    networks[peer].front_end_group,
                    networks[caller].back_end_group,
                    "tcp",
                    single(HTTPS),
                )
        for reader in settings_readers():
            self._connect(reader, SETTINGS_OWNER, DATA)
            self._allow_settings(reader)

    def _make_gateway(self) -> ec2.CfnTransitGateway:
        return ec2.CfnTransitGateway(
            self,
            "Gateway",
            description="Between the networks of the services",
            auto_accept_shared_attachments="disable",
            default_route_table_association="disable",
            default_route_table_propagation="disable",
            dns_support="enable",
            security_group_referencing_support="enable",
        )

    def _attach(self, network: ServiceNetwork) -> ec2.CfnTransitGatewayAttachment:
        return ec2.CfnTransitGatewayAttachment(
            self,
            f"{network.service.capitalize()}Attachment",
            transit_gateway_id=self.gateway.ref,
            vpc_id=network.vpc.ref,
            subnet_ids=[subnet.ref for subnet in network.transit_subnets],
            options={"DnsSupport": "enable", "SecurityGroupReferencingSupport": "enable"},
        )

    def _make_table(self, service: str) -> ec2.CfnTransitGatewayRouteTable:
        name = service.capitalize()
        table = ec2.CfnTransitGatewayRouteTable(self, f"{name}Table", transit_gateway_id=self.gateway.ref)
        ec2.CfnTransitGatewayRouteTableAssociation(
            self,
            f"{name}Association",
            transit_gateway_attachment_id=self._attachments[service].ref,
            transit_gateway_route_table_id=table.ref,
        )
        return table

    def _connect(self, caller: str, peer: str, tier: str) -> None:
        """A way from the caller's compute subnets to one tier of the peer, and back."""
        self._route(caller, COMPUTE, peer, tier)
        self._route(peer, tier, caller, COMPUTE)

    def _route(self, source: str, source_tier: str, target: str, target_tier: str) -> None:
        network, name = self._networks[source], f"{target.capitalize()}{target_tier.capitalize()}"
        destination = self._range(target, target_tier)
        tables = network.route_tables[source_tier]
        for number, table in enumerate(tables):
            letter = ZONES[number] if len(tables) > 1 else ""
            route = ec2.CfnRoute(
                self,
                f"{source.capitalize()}{source_tier.capitalize()}{letter}To{name}",
                route_table_id=table.ref,
                destination_cidr_block=str(destination),
                transit_gateway_id=self.gateway.ref,
            )
            route.add_resource_dependency(self._attachments[source])
        id_ = f"{source.capitalize()}GatewayTo{name}"
        if self.node.try_find_child(id_) is None:
            ec2.CfnTransitGatewayRoute(
                self,
                id_,
                transit_gateway_route_table_id=self._tables[source].ref,
                transit_gateway_attachment_id=self._attachments[target].ref,
                destination_cidr_block=str(destination),
            )

    def _range(self, service: str, tier: str) -> IPv4Network:
        return ranges.tier_range(self._networks[service].range, tier)

    def _allow_settings(self, reader: str) -> None:
        networks, port = self._networks, single(ELASTICACHE)
        name, owner = f"{reader.capitalize()}Settings", networks[SETTINGS_OWNER]
        let_in(self, name, owner.database_group, networks[reader].back_end_group, "tcp", port)
        let_out(self, name, networks[reader].back_end_group, str(self._range(SETTINGS_OWNER, DATA)), "tcp", port)
