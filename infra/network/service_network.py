"""The network of one service: a VPC of its own with its tiers, their routes, access lists, groups and endpoints.

Connections between networks are in `transit.py`, those between admin's network and the company in `entry.py`.
"""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.environment import Environment
from infra.network import data_flow, ranges
from infra.network.access_lists import add_access_lists
from infra.network.endpoints import add_endpoints
from infra.network.flow_logs import add_flow_logs
from infra.network.groups import Groups

ZONES = ("A", "B")


class ServiceNetwork(Construct):
    """A service's VPC. Subnets are listed by zone; groups have no rule but those of the data flow."""

    def __init__(self, scope: Construct, id_: str, *, service: str, environment: Environment) -> None:
        super().__init__(scope, id_)
        self.service = service
        self.environment = environment
        self.range = environment.ranges[service]
        self.vpc = ec2.CfnVPC(
            self,
            "Vpc",
            cidr_block=str(self.range),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=[{"key": "reclothes:service", "value": service}],
        )
        self.subnets = {tier: self._make_subnets(tier) for tier in data_flow.tiers_of(service)}
        self.public_subnets = self.subnets[ranges.PUBLIC]
        self.compute_subnets = self.subnets[ranges.COMPUTE]
        self.data_subnets = self.subnets[ranges.DATA]
        self.transit_subnets = self.subnets[ranges.TRANSIT]
        self.route_tables = {tier: self._make_route_tables(tier) for tier in self.subnets}
        self._open_to_the_internet()
        groups = Groups(self, "Groups", service=service, vpc=self.vpc)
        self.front_end_group, self.back_end_group, self.database_group = (
            groups.front_end,
            groups.back_end,
            groups.database,
        )
        self.access_lists = add_access_lists(self, service, environment, self.vpc, self.subnets)
        add_endpoints(self)
        add_flow_logs(self)
        Tags.of(self).add("Name", f"reclothes-{environment.name}-{service}")

    def _make_subnets(self, tier: str) -> list[ec2.CfnSubnet]:
        halves = ranges.subnet_ranges(self.range, tier)
        return [
            ec2.CfnSubnet(
                self,
                f"{tier.capitalize()}Subnet{letter}",
                vpc_id=self.vpc.ref,
                cidr_block=str(half),
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags=[{"key": "reclothes:tier", "value": tier}],
            )
            for letter, zone, half in zip(ZONES, self.environment.zones, halves, strict=True)
        ]

    def _make_route_tables(self, tier: str) -> list[ec2.CfnRouteTable]:
        """One table for a tier; compute has one in each zone, since each zone has its own way out."""
        count = 2 if tier == ranges.COMPUTE else 1
        name = tier.capitalize()
        tables = [
            ec2.CfnRouteTable(self, f"{name}Routes{ZONES[number] if count > 1 else ''}", vpc_id=self.vpc.ref)
            for number in range(count)
        ]
        for number, subnet in enumerate(self.subnets[tier]):
            ec2.CfnSubnetRouteTableAssociation(
                self,
                f"{name}Routing{ZONES[number]}",
                route_table_id=tables[min(number, count - 1)].ref,
                subnet_id=subnet.ref,
            )
        return tables

    def _open_to_the_internet(self) -> None:
        """An Internet Gateway for the public subnets, and NAT gateways there for the compute subnets."""
        gateway = ec2.CfnInternetGateway(self, "InternetGateway")
        attached = ec2.CfnVPCGatewayAttachment(
            self, "InternetGatewayAttachment", vpc_id=self.vpc.ref, internet_gateway_id=gateway.ref
        )
        [public] = self.route_tables[ranges.PUBLIC]
        out = ec2.CfnRoute(
            self,
            "PublicToInternet",
            route_table_id=public.ref,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.ref,
        )
        out.add_resource_dependency(attached)
        self.nat_gateways = [self._make_nat(number, attached) for number in range(self.environment.nat_gateways)]
        for number, table in enumerate(self.route_tables[ranges.COMPUTE]):
            ec2.CfnRoute(
                self,
                f"Compute{ZONES[number]}ToInternet",
                route_table_id=table.ref,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=self.nat_gateways[min(number, len(self.nat_gateways) - 1)].ref,
            )

    def _make_nat(self, number: int, attached: ec2.CfnVPCGatewayAttachment) -> ec2.CfnNatGateway:
        address = ec2.CfnEIP(self, f"NatAddress{ZONES[number]}", domain="vpc")
        address.add_resource_dependency(attached)
        nat = ec2.CfnNatGateway(
            self,
            f"Nat{ZONES[number]}",
            subnet_id=self.public_subnets[number].ref,
            allocation_id=address.attr_allocation_id,
        )
        nat.add_resource_dependency(attached)
        return nat
