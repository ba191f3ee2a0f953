"""The way in for the company and its delivery phones: to the door of the internal gateway, and to nothing else.

The door is an endpoint of API Gateway in subnets of its own in admin's network, beside a resolver that alone knows
the internal zone. The company comes by a VPN, phones by the client VPN; neither is attached to the Transit Gateway.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import CfnOutput, CfnParameter, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53resolver as resolver

from infra.environment import Environment
from infra.network import ranges
from infra.network.data_flow import DOOR, ENTRY_OWNER
from infra.network.flow_logs import encrypted_log_group
from infra.network.groups import NOTHING, ROLE_TAG, allow, let_in
from infra.network.service_network import ZONES, ServiceNetwork

# The resolver's address in each subnet, which phones and the company's own resolver use.
RESOLVER_NUMBER = 10
AMAZON_ASN = 64512
COMPANY_ASN = 65000


class EntryStack(Stack):
    """VPN, client VPN, the internal gateway's door, and the internal zone with its resolver."""

    def __init__(self, scope: Any, id_: str, *, networks: Mapping[str, ServiceNetwork], **kwargs: Any) -> None:
        super().__init__(scope, id_, **kwargs)
        self._network = networks[ENTRY_OWNER]
        self._environment: Environment = self._network.environment
        self._subnets = self._network.subnets[ranges.ENTRY]
        self.door_group = self._make_group("Door", "Door of the internal gateway, and the internal resolver")
        self.phones_group = self._make_group("Phones", "Delivery phones that came by the client VPN")
        self._add_rules()
        self.gateway_endpoint = self._make_door()
        self.zone = self._make_zone(networks)
        self._make_resolver()
        self._make_company_vpn()
        self._make_client_vpn()

    def _make_group(self, name: str, description: str) -> ec2.CfnSecurityGroup:
        return ec2.CfnSecurityGroup(
            self,
            f"{name}Group",
            group_description=description,
            vpc_id=self._network.vpc.ref,
            security_group_egress=[NOTHING],
            tags=[{"key": ROLE_TAG, "value": name.lower()}],
        )

    def _add_rules(self) -> None:
        company = str(self._environment.company_range)
        for protocol, ports in DOOR:
            what = f"{protocol.capitalize()}{ports[0]}"
            let_in(self, f"Company{what}", self.door_group, company, protocol, ports)
            allow(self, f"Phones{what}", self.phones_group, self.door_group, protocol, ports)

    def _make_door(self) -> ec2.CfnVPCEndpoint:
        """API Gateway inside the network: a private API, or a private domain name, is reached by it."""
        endpoint = ec2.CfnVPCEndpoint(
            self,
            "GatewayEndpoint",
            vpc_id=self._network.vpc.ref,
            service_name=f"com.amazonaws.{self._environment.region}.execute-api",
            vpc_endpoint_type="Interface",
            private_dns_enabled=False,
            subnet_ids=[subnet.ref for subnet in self._subnets],
            security_group_ids=[self.door_group.attr_group_id],
        )
        CfnOutput(self, "GatewayEndpointId", value=endpoint.ref)
        return endpoint

    def _make_zone(self, networks: Mapping[str, ServiceNetwork]) -> route53.CfnHostedZone:
        """The zone of the internal names: visible to the networks and to clients of the internal resolver."""
        return route53.CfnHostedZone(
            self,
            "InternalZone",
            name=self._environment.internal_domain,
            vpcs=[
                route53.CfnHostedZone.VPCProperty(vpc_id=network.vpc.ref, vpc_region=self._environment.region)
                for network in networks.values()
            ],
        )

    def _resolver_addresses(self) -> list[str]:
        halves = ranges.subnet_ranges(self._network.range, ranges.ENTRY)
        return [ranges.fixed_address(half, RESOLVER_NUMBER) for half in halves]

    def _make_resolver(self) -> None:
        resolver.CfnResolverEndpoint(
            self,
            "Resolver",
            direction="INBOUND",
            protocols=["Do53"],
            security_group_ids=[self.door_group.attr_group_id],
            ip_addresses=[
                resolver.CfnResolverEndpoint.IpAddressRequestProperty(subnet_id=subnet.ref, ip=address)
                for subnet, address in zip(self._subnets, self._resolver_addresses(), strict=True)
            ],
        )

    def _make_company_vpn(self) -> None:
        """Two tunnels to the company's gateway; only the entry subnets have a route to it."""
        gateway = ec2.CfnVPNGateway(self, "VpnGateway", type="ipsec.1", amazon_side_asn=AMAZON_ASN)
        attached = ec2.CfnVPCGatewayAttachment(
            self, "VpnGatewayAttachment", vpc_id=self._network.vpc.ref, vpn_gateway_id=gateway.ref
        )
        company = ec2.CfnCustomerGateway(
            self,
            "CustomerGateway",
            type="ipsec.1",
            bgp_asn=COMPANY_ASN,
            ip_address=str(self._environment.company_gateway_address),
        )
        connection = ec2.CfnVPNConnection(
            self,
            "VpnConnection",
            type="ipsec.1",
            customer_gateway_id=company.ref,
            vpn_gateway_id=gateway.ref,
            static_routes_only=True,
        )
        destination = str(self._environment.company_range)
        ec2.CfnVPNConnectionRoute(
            self, "VpnToCompany", vpn_connection_id=connection.ref, destination_cidr_block=destination
        )
        for table in self._network.route_tables[ranges.ENTRY]:
            route = ec2.CfnRoute(
                self,
                "EntryToCompany",
                route_table_id=table.ref,
                destination_cidr_block=destination,
                gateway_id=gateway.ref,
            )
            route.add_resource_dependency(attached)

    def _make_client_vpn(self) -> None:
        """For delivery phones: a certificate for each phone, no way but to the entry subnets."""
        server = CfnParameter(
            self, "ClientVpnServerCertificateArn", description="ACM certificate of the client VPN itself"
        )
        authority = CfnParameter(
            self,
            "ClientVpnPhonesAuthorityArn",
            description="ACM certificate of the authority that signs the phones'",
        )
        # Nobody renews them but us (docs/operations/networks.md); the alarms look at their age.
        self.certificates = {"client-vpn": server.value_as_string, "phones": authority.value_as_string}
        log = encrypted_log_group(self, "ClientVpnLog", f"/reclothes/{self._environment.name}/client-vpn")
        stream = log.add_stream("Connections", log_stream_name="connections")
        endpoint = ec2.CfnClientVpnEndpoint(
            self,
            "ClientVpn",
            description="Delivery phones",
            client_cidr_block=str(self._environment.client_vpn_range),
            vpc_id=self._network.vpc.ref,
            security_group_ids=[self.phones_group.attr_group_id],
            server_certificate_arn=server.value_as_string,
            authentication_options=[
                ec2.CfnClientVpnEndpoint.ClientAuthenticationRequestProperty(
                    type="certificate-authentication",
                    mutual_authentication=ec2.CfnClientVpnEndpoint.CertificateAuthenticationRequestProperty(
                        client_root_certificate_chain_arn=authority.value_as_string
                    ),
                )
            ],
            connection_log_options=ec2.CfnClientVpnEndpoint.ConnectionLogOptionsProperty(
                enabled=True, cloudwatch_log_group=log.log_group_name, cloudwatch_log_stream=stream.log_stream_name
            ),
            dns_servers=self._resolver_addresses(),
            split_tunnel=True,
            self_service_portal="disabled",
            session_timeout_hours=12,
            transport_protocol="udp",
            vpn_port=443,
        )
        self._let_phones_in(endpoint)

    def _let_phones_in(self, endpoint: ec2.CfnClientVpnEndpoint) -> None:
        for letter, subnet in zip(ZONES, self._subnets, strict=True):
            ec2.CfnClientVpnTargetNetworkAssociation(
                self, f"ClientVpnIn{letter}", client_vpn_endpoint_id=endpoint.ref, subnet_id=subnet.ref
            )
        ec2.CfnClientVpnAuthorizationRule(
            self,
            "PhonesToEntry",
            client_vpn_endpoint_id=endpoint.ref,
            target_network_cidr=str(ranges.tier_range(self._network.range, ranges.ENTRY)),
            authorize_all_groups=True,
            description="The door of the internal gateway and its resolver",
        )
