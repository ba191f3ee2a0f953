"""All stacks of one environment except those of the network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infra.data.stack import DataSizes, DataStack
from infra.delivery.clusters import ClustersStack, cluster_name
from infra.delivery.photos import PhotosStack
from infra.delivery.registry import RegistryStack
from infra.delivery.roles import RolesStack
from infra.edge.balancer import BalancerStack
from infra.edge.documents import GatewayInputs
from infra.edge.domains import PrivateName, PublicName
from infra.edge.gateways import GatewayLogStack, GatewayOptions, GatewayStack
from infra.edge.names import NamesStack, SiteNamesStack, host_of
from infra.edge.proofs import ProofStack
from infra.edge.shield import ShieldStack
from infra.edge.sites import SitesStack
from infra.environment import Environment
from infra.messaging.stack import MessagingStack
from infra.network import ranges
from infra.network.data_flow import AUTHORIZER_OWNER, callers_of
from infra.network.entry import EntryStack
from infra.network.service_network import ServiceNetwork
from infra.operations import watches
from infra.operations.alarm import Watch
from infra.operations.dashboards import DashboardStack
from infra.operations.people import PeopleStack
from infra.operations.service_logs import ServiceLogsStack
from infra.operations.stack import AlarmStack, BudgetStack
from infra.operations.trail import TrailStack

INPUTS = Path(__file__).parent / "out" / "inputs"
CLOUDFRONT_REGION = "us-east-1"


@dataclass(frozen=True)
class Edge:
    """What leads into the networks."""

    names: NamesStack
    site_names: SiteNamesStack
    balancers: Mapping[str, BalancerStack]
    gateways: Mapping[str, GatewayStack]
    sites: SitesStack


class Cloud:
    """Builds the stacks of one environment, in the order in which they need each other."""

    def __init__(
        self, app: cdk.App, environment: Environment, networks: Mapping[str, ServiceNetwork], entry: EntryStack
    ) -> None:
        self._app, self._environment, self._networks, self._entry = app, environment, networks, entry
        self._settings = environment.settings
        self._inputs = INPUTS / environment.name
        self._topology = json.loads((self._inputs / "topology.json").read_text())
        self.messaging = MessagingStack(app, self._id("messaging"), topology=self._topology, env=self._place())
        self.data = {service: self._data(network) for service, network in networks.items()}
        self.edge = self._edge()
        self._delivery()
        self._operations()

    def _id(self, what: str) -> str:
        return f"ReClothes-{self._environment.name}-{what}"

    def _place(self, region: str | None = None) -> cdk.Environment:
        return cdk.Environment(region=region or self._environment.region)

    @property
    def _log_days(self) -> int:
        days: int = self._settings["log_days"]
        return days

    def _data(self, network: ServiceNetwork) -> DataStack:
        return DataStack(
            self._app,
            self._id(f"{network.service}-data"),
            environment=self._environment.name,
            network=network,
            sizes=DataSizes.from_settings(self._settings["data"], self._log_days),
            env=self._place(),
        )

    def _edge(self) -> Edge:
        domain = self._environment.domain
        names = NamesStack(self._app, self._id("names"), domain=domain, env=self._place())
        site_names = SiteNamesStack(
            self._app, self._id("site-names"), domain=domain, env=self._place(CLOUDFRONT_REGION)
        )
        proofs = ProofStack(self._app, self._id("proofs"), environment=self._environment.name, env=self._place())
        balancers = {service: self._balancer(names, proofs, network) for service, network in self._networks.items()}
        GatewayLogStack(self._app, self._id("gateway-logs"), env=self._place())
        gateways = {name: self._gateway(name, balancers, proofs) for name in ("external", "internal")}
        PublicName(
            gateways["external"], "PublicName", name=f"api.{domain}", certificate=names.gateways, zone=names.zone
        )
        PrivateName(
            gateways["internal"],
            "PrivateName",
            name=f"api.{self._environment.internal_domain}",
            certificate=names.gateways,
            entry=self._entry,
        )
        sites = self._sites(names)
        if self._settings["edge"]["shield_advanced"]:
            ShieldStack(
                self._app,
                self._id("shield"),
                environment=self._environment.name,
                zone=names.zone,
                sites=sites,
                env=self._place(),
            )
        return Edge(names, site_names, balancers, gateways, sites)

    def _sites(self, names: NamesStack) -> SitesStack:
        return SitesStack(
            self._app,
            self._id("sites"),
            environment=self._environment.name,
            domain=self._environment.domain,
            zone=names.zone,
            log_days=self._log_days,
            env=self._place(),
        )

    def _balancer(self, names: NamesStack, proofs: ProofStack, network: ServiceNetwork) -> BalancerStack:
        service = network.service
        callers = [*callers_of(service), *([service] if service == AUTHORIZER_OWNER else [])]
        tiers = [ranges.tier_range(self._environment.ranges[caller], ranges.COMPUTE) for caller in callers]
        return BalancerStack(
            self._app,
            self._id(f"{service}-balancer"),
            environment=self._environment.name,
            network=network,
            certificate=names.services,
            host_name=host_of(service, self._environment.domain),
            zone_id=self._entry.zone.ref,
            proofs=proofs.proofs,
            callers=[str(tier) for tier in tiers],
            protected=self._settings["protected"],
            log_days=self._log_days,
            env=self._place(),
        )

    def _gateway(self, name: str, balancers: Mapping[str, BalancerStack], proofs: ProofStack) -> GatewayStack:
        edge: Mapping[str, Any] = self._settings["edge"]
        options = GatewayOptions(
            proof=edge["gateway_proof"],
            authorizer_concurrency=edge["authorizer_concurrency"],
            blocked_addresses=tuple(edge["blocked_addresses"]),
            log_days=self._log_days,
        )
        return GatewayStack(
            self._app,
            self._id(f"{name}-gateway"),
            environment=self._environment.name,
            inputs=GatewayInputs.read(self._inputs, name),
            options=options,
            balancers=balancers,
            auth_network=self._networks[AUTHORIZER_OWNER],
            proofs=proofs.proofs,
            endpoint_id=self._entry.gateway_endpoint.ref if name == "internal" else None,
            env=self._place(),
        )

    def _delivery(self) -> None:
        """Images, and what the services' pods may do."""
        name = self._environment.name
        if self._settings["registry"]:
            RegistryStack(self._app, "ReClothes-registry", env=self._place())
        photos = PhotosStack(
            self._app,
            self._id("photos"),
            environment=name,
            domain=self._environment.domain,
            log_days=self._log_days,
            env=self._place(),
        )
        buckets = {service: [bucket] for service, bucket in photos.buckets.items()}
        ClustersStack(self._app, self._id("clusters"), environment=self._environment, env=self._place())
        RolesStack(
            self._app,
            self._id("roles"),
            environment=self._environment,
            topology=self._topology,
            messaging=self.messaging,
            buckets=buckets | {"shopping": [self.edge.sites.buckets["photos"]]},
            env=self._place(),
        )

    def _operations(self) -> None:
        name, operations = self._environment.name, self._settings["operations"]
        people = self._people("people")
        logs = ServiceLogsStack(
            self._app, self._id("service-logs"), environment=name, log_days=self._log_days, env=self._place()
        )
        trail = TrailStack(
            self._app,
            self._id("trail"),
            environment=name,
            locked_days=operations["trail_days"],
            compliance=operations["trail_compliance"],
            log_days=self._log_days,
            env=self._place(),
        )
        AlarmStack(
            self._app,
            self._id("alarms"),
            environment=name,
            people=people,
            watches=self._watches(logs, trail),
            env=self._place(),
        )
        self._watch_sites()
        BudgetStack(
            self._app,
            self._id("budget"),
            environment=name,
            people=people,
            dollars=operations["monthly_budget_usd"],
            env=self._place(),
        )
        if operations["dashboards"]:
            DashboardStack(
                self._app,
                self._id("dashboards"),
                environment=name,
                balancers=self.edge.balancers,
                gateways=self.edge.gateways,
                data=self.data,
                messaging=self.messaging,
                logs=logs,
                env=self._place(),
            )

    def _people(self, id_: str, region: str | None = None) -> PeopleStack:
        operations = self._settings["operations"]
        return PeopleStack(
            self._app,
            self._id(id_),
            environment=self._environment.name,
            urgent=operations["urgent_addresses"],
            notice=operations["notice_addresses"],
            env=self._place(region),
        )

    def _watch_sites(self) -> None:
        """An alarm has metrics and topics of its own region only; the sites' certificate is in another one."""
        AlarmStack(
            self._app,
            self._id("site-alarms"),
            environment=self._environment.name,
            people=self._people("site-people", CLOUDFRONT_REGION),
            watches=watches.of_certificates({"sites": self.edge.site_names.certificate.certificate_arn}),
            env=self._place(CLOUDFRONT_REGION),
        )

    def _watches(self, logs: ServiceLogsStack, trail: TrailStack) -> Iterator[Watch]:
        edge = self.edge
        for gateway in edge.gateways.values():
            yield from watches.of_gateway(gateway)
        for balancer in edge.balancers.values():
            yield from watches.of_balancer(balancer)
        for data in self.data.values():
            yield from watches.of_data(data)
        for service, network in self._networks.items():
            yield from watches.of_network(network)
            cluster = cluster_name(service, self._environment.domain)
            yield from watches.of_nodes(self._environment.name, service, cluster)
        yield from watches.of_messages(self.messaging)
        own = {"gateways": edge.names.gateways, "services": edge.names.services}
        arns = {name: certificate.certificate_arn for name, certificate in own.items()}
        yield from watches.of_certificates(arns | self._entry.certificates)
        vpn = self._entry.node.find_child("VpnConnection")
        yield from watches.of_vpn(vpn.ref)
        yield from watches.of_logs(logs)
        yield from trail.watches()
