"""The monthly cost of an environment: resources of its templates, prices.yaml and the usage in usage.yaml."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from infra import environment as environments
from infra.environment import SERVICES

FOLDER = Path(__file__).parent
KOPS = FOLDER.parents[0] / "kops" / "environments"
# As tools/deployment/clusters/manifests.py has them: a machine's own volume, and both of etcd on a control plane.
MACHINE_GIGABYTES, ETCD_GIGABYTES = 40, 2 * 20
Resource = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One line of the estimate: a quantity at a unit price (US dollars a month)."""

    part: str
    what: str
    count: float
    price: float

    @property
    def dollars(self) -> float:
        return self.count * self.price


@cache
def prices() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "prices.yaml").read_text())
    return found


@cache
def usage() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "usage.yaml").read_text())
    return found


def hourly(name: str) -> float:
    """An hourly price, by the month."""
    return float(prices()["hourly"][name] * prices()["hours_a_month"])


def monthly(name: str) -> float:
    return float(prices()["monthly"][name])


@dataclass(frozen=True)
class Rule:
    """How resources of one type are paid for."""

    part: str
    what: str
    type: str
    price: Callable[[Resource], float]
    count: Callable[[Resource], float] = lambda _: 1


def _each(part: str, what: str, type_: str, price: Callable[[str], float], name: str) -> Rule:
    return Rule(part, what, type_, lambda _: price(name))


def _zones(database: Resource) -> int:
    return 2 if database["MultiAZ"] else 1


def _metrics(alarm: Resource) -> int:
    """An alarm is paid for by each metric that it looks at."""
    return sum("MetricStat" in one for one in alarm["Metrics"]) if "Metrics" in alarm else 1


RULES = (
    _each("network", "NAT gateways", "AWS::EC2::NatGateway", hourly, "nat_gateway"),
    _each("network", "public addresses", "AWS::EC2::EIP", hourly, "public_address"),
    Rule(
        "network",
        "interface endpoints, in each zone",
        "AWS::EC2::VPCEndpoint",
        lambda _: hourly("interface_endpoint"),
        lambda one: len(one.get("SubnetIds", ())),
    ),
    _each(
        "network",
        "Transit Gateway attachments",
        "AWS::EC2::TransitGatewayAttachment",
        hourly,
        "transit_attachment",
    ),
    _each("network", "VPN to the company", "AWS::EC2::VPNConnection", hourly, "vpn_connection"),
    _each(
        "network",
        "client VPN, in each zone",
        "AWS::EC2::ClientVpnTargetNetworkAssociation",
        hourly,
        "client_vpn_association",
    ),
    Rule(
        "network",
        "addresses of the internal resolver",
        "AWS::Route53Resolver::ResolverEndpoint",
        lambda _: hourly("resolver_address"),
        lambda one: len(one["IpAddresses"]),
    ),
    _each("edge", "hosted zones", "AWS::Route53::HostedZone", monthly, "hosted_zone"),
    _each("edge", "load balancers", "AWS::ElasticLoadBalancingV2::LoadBalancer", hourly, "load_balancer"),
    _each("edge", "web ACLs", "AWS::WAFv2::WebACL", monthly, "web_acl"),
    Rule(
        "edge",
        "rules of the web ACL",
        "AWS::WAFv2::WebACL",
        lambda _: monthly("web_acl_rule"),
        lambda one: len(one["Rules"]),
    ),
    Rule(
        "data",
        "MySQL instances, in each zone",
        "AWS::RDS::DBInstance",
        lambda one: hourly(one["DBInstanceClass"]),
        _zones,
    ),
    Rule(
        "data",
        "gigabytes of MySQL, in each zone",
        "AWS::RDS::DBInstance",
        lambda _: monthly("database_gigabyte"),
        lambda one: int(one["AllocatedStorage"]) * _zones(one),
    ),
    Rule(
        "data",
        "DocumentDB instances",
        "AWS::DocDB::DBInstance",
        lambda one: hourly(f"documents:{one['DBInstanceClass']}"),
    ),
    Rule(
        "data",
        "cache nodes",
        "AWS::ElastiCache::ReplicationGroup",
        lambda one: hourly(one["CacheNodeType"]),
        lambda one: one["NumCacheClusters"],
    ),
    _each("data", "secrets", "AWS::SecretsManager::Secret", monthly, "secret"),
    _each("security", "keys", "AWS::KMS::Key", monthly, "key"),
    _each("security", "Shield Advanced", "AWS::Shield::Protection", monthly, "shield_advanced"),
    Rule("operations", "metrics of alarms", "AWS::CloudWatch::Alarm", lambda _: monthly("alarm"), _metrics),
    _each("operations", "dashboards", "AWS::CloudWatch::Dashboard", monthly, "dashboard"),
    _each("operations", "numbers from logs", "AWS::Logs::MetricFilter", monthly, "own_metric"),
)
# Display names of what is billed by usage.
USED = {
    "million_gateway_requests": ("edge", "million requests of the gateways"),
    "million_firewall_requests": ("edge", "million requests seen by the web ACL"),
    "million_function_calls": ("edge", "million exchanges of tokens"),
    "million_messages": ("messages", "million messages"),
    "nat_gigabyte": ("network", "gigabytes through NAT"),
    "transit_gigabyte": ("network", "gigabytes between networks"),
    "vpn_connection_hour": ("network", "hours of phones on the client VPN"),
    "node_metric": ("operations", "numbers of the nodes' disks"),
    "log_gigabyte": ("operations", "gigabytes of logs"),
    "site_gigabyte": ("edge", "gigabytes of sites and photos"),
    "stored_gigabyte": ("data", "gigabytes in buckets"),
    "documents_gigabyte": ("data", "gigabytes of products"),
}


def estimate(environment: str, resources: list[Resource]) -> list[Line]:
    """The sums of one environment; `resources` are all of its templates'."""
    lines = [*_counted(resources), *_clusters(environment), *_used(environment)]
    order = {part: number for number, part in enumerate(dict.fromkeys(rule.part for rule in RULES))}
    return sorted(lines, key=lambda line: (order.get(line.part, len(order)), -line.dollars, line.what))


def _counted(resources: list[Resource]) -> Iterator[Line]:
    for rule in RULES:
        by_price: dict[float, float] = {}
        for resource in resources:
            if resource["Type"] == rule.type:
                found = resource.get("Properties", {})
                price = rule.price(found)
                by_price[price] = by_price.get(price, 0) + rule.count(found)
        if rule.type == "AWS::Shield::Protection" and by_price:
            by_price = dict.fromkeys(by_price, 1.0)  # the account pays once
        for price, count in by_price.items():
            yield Line(rule.part, rule.what, count, price)


def _clusters(environment: str) -> Iterator[Line]:
    """The clusters of all services at their smallest, as kOps makes them."""
    sizes = yaml.safe_load((KOPS / f"{environment}.yaml").read_text())
    count, zones = len(SERVICES), len(environments.load(environment).zones)
    planes, nodes = count * sizes["control_planes"], count * zones * sizes["nodes_minimum"]
    plane, node = sizes["control_plane_machine"], sizes["node_machines"][0]
    yield Line("clusters", f"control planes, {plane}", planes, hourly(f"node:{plane}"))
    yield Line("clusters", f"nodes, {node}", nodes, hourly(f"node:{node}"))
    gigabytes = (planes + nodes) * MACHINE_GIGABYTES + planes * ETCD_GIGABYTES
    yield Line("clusters", "gigabytes of volumes", gigabytes, monthly("volume_gigabyte"))
    yield Line("clusters", "load balancers of the API servers", count, hourly("load_balancer"))


def _used(environment: str) -> Iterator[Line]:
    used = usage()[environment]
    for name, (part, what) in USED.items():
        yield Line(part, what, used[name], float(prices()["used"][name]))
