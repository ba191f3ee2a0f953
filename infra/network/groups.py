"""The three security groups of a network. They name each other; ranges stand only where Amazon takes no group.

Groups are stateful: a response needs no rule. A group of another network can be named in an inbound rule only
(Transit Gateway guide, "Security group referencing"), so outbound rules to peers name the peer's tier.
"""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.network.data_flow import AUTHORIZER_OWNER, CLUSTER, HTTPS, SERVICE_PORT, STORES, Ports

EVERYWHERE = "0.0.0.0/0"
ROLE_TAG = "reclothes:role"
# A group without an outbound rule gets one that lets everything out; this one lets nothing out.
NOTHING = ec2.CfnSecurityGroup.EgressProperty(
    ip_protocol="icmp", from_port=252, to_port=86, cidr_ip="255.255.255.255/32", description="Nothing"
)


def single(port: int) -> Ports:
    """A range of one port."""
    return port, port


class Groups(Construct):
    """Front end (load balancers and the gateways' links), back end (nodes, functions, endpoints), databases."""

    def __init__(self, scope: Construct, id_: str, *, service: str, vpc: ec2.CfnVPC) -> None:
        super().__init__(scope, id_)
        self._vpc = vpc
        self.front_end = self._make_group(
            "FrontEnd", "front", f"Load balancer of {service}, and the links of the gateways"
        )
        self.back_end = self._make_group("BackEnd", "node", f"Nodes, functions and endpoints of {service}")
        self.database = self._make_group("Database", "database", f"Databases and caches of {service}")
        self._add_rules(service)

    def _make_group(self, name: str, role: str, description: str) -> ec2.CfnSecurityGroup:
        """A group that lets nothing in and nothing out."""
        return ec2.CfnSecurityGroup(
            self,
            name,
            group_description=description,
            vpc_id=self._vpc.ref,
            security_group_egress=[NOTHING],
            tags=[{"key": ROLE_TAG, "value": role}],
        )

    def _add_rules(self, service: str) -> None:
        allow(self, "Link", self.front_end, self.front_end, "tcp", single(HTTPS))
        allow(self, "Service", self.front_end, self.back_end, "tcp", single(SERVICE_PORT))
        for port in STORES[service]:
            allow(self, f"Store{port}", self.back_end, self.database, "tcp", single(port))
        for protocol, ports in CLUSTER:
            name = f"Cluster{protocol.capitalize()}{ports[0]}"
            let_in(self, name, self.back_end, self.back_end, protocol, ports)
            if (protocol, ports) != ("tcp", single(HTTPS)):
                let_out(self, name, self.back_end, self.back_end, protocol, ports)
        # The internet, AWS, peers and the own cluster: all of it is HTTPS.
        let_out(self, "Https", self.back_end, EVERYWHERE, "tcp", single(HTTPS))
        if service == AUTHORIZER_OWNER:
            let_in(self, "Authorizer", self.front_end, self.back_end, "tcp", single(HTTPS))


def allow(
    scope: Construct,
    name: str,
    source: ec2.CfnSecurityGroup,
    target: ec2.CfnSecurityGroup,
    protocol: str,
    ports: Ports,
) -> None:
    """Both ends of what one group of a network may open to another."""
    let_out(scope, name, source, target, protocol, ports)
    let_in(scope, name, target, source, protocol, ports)


def let_in(
    scope: Construct,
    name: str,
    group: ec2.CfnSecurityGroup,
    source: ec2.CfnSecurityGroup | str,
    protocol: str,
    ports: Ports,
) -> None:
    """An inbound rule; the source is a group or a range."""
    ec2.CfnSecurityGroupIngress(
        scope,
        f"{name}In",
        group_id=group.attr_group_id,
        ip_protocol=protocol,
        from_port=ports[0],
        to_port=ports[1],
        cidr_ip=source if isinstance(source, str) else None,
        source_security_group_id=None if isinstance(source, str) else source.attr_group_id,
        description=f"{name} in",
    )


def let_out(
    scope: Construct,
    name: str,
    group: ec2.CfnSecurityGroup,
    target: ec2.CfnSecurityGroup | str,
    protocol: str,
    ports: Ports,
) -> None:
    """An outbound rule; the target is a group or a range."""
    ec2.CfnSecurityGroupEgress(
        scope,
        f"{name}Out",
        group_id=group.attr_group_id,
        ip_protocol=protocol,
        from_port=ports[0],
        to_port=ports[1],
        cidr_ip=target if isinstance(target, str) else None,
        destination_security_group_id=None if isinstance(target, str) else target.attr_group_id,
        description=f"{name} out",
    )
