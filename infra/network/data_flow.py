"""The designed data flow: who calls whom, on which ports. The networks let through this and nothing else.

`infra/tests/designed_flow.tsv` states the same independently, by hand; the proof compares the templates with it.
"""

from __future__ import annotations

from infra.network import ranges

HTTPS = 443
# Where the load balancers find the services' containers.
SERVICE_PORT = 8443
MYSQL, DOCUMENT_DB, ELASTICACHE = 3306, 27017, 6379
DNS = 53

# Who calls whose load balancer: `peer(...)` in the services' code (infra/tests/test_peers.py holds that), and auth,
# from which everybody gets keys and tokens.
PEERS: dict[str, tuple[str, ...]] = {
    "auth": (),
    "customer": ("admin", "auth", "billing", "locker", "shopping"),
    "shopping": ("auth", "customer"),
    "billing": ("auth", "customer", "shopping"),
    "admin": ("auth", "billing", "customer", "shopping"),
    "locker": ("admin", "auth", "customer"),
}
# Admin's ElastiCache has the copy of the system settings, which all services read.
SETTINGS_OWNER = "admin"
# The endpoint of the internal gateway is in this service's network.
ENTRY_OWNER = "admin"
# The gateways' authorizers run here, since they call auth for every token.
AUTHORIZER_OWNER = "auth"

# What each service keeps where (infra/data makes the stores).
STORES: dict[str, tuple[int, ...]] = {
    "auth": (MYSQL, ELASTICACHE),
    "customer": (MYSQL,),
    "shopping": (MYSQL, ELASTICACHE, DOCUMENT_DB),
    "billing": (MYSQL,),
    "admin": (MYSQL, ELASTICACHE),
    "locker": (MYSQL,),
}

Ports = tuple[int, int]
# Ephemeral ports: Linux uses the first range, and the cluster translates no addresses;
# load balancers, NAT gateways, functions and the company's machines may take any unprivileged one.
NODE_PORTS: Ports = (32768, 60999)
CLIENT_PORTS: Ports = (1024, 65535)
# Traffic between the nodes of one cluster: names, the API server, kubelets, pods, the overlay network.
CLUSTER: tuple[tuple[str, Ports], ...] = (
    ("tcp", (DNS, DNS)),
    ("tcp", (HTTPS, HTTPS)),
    ("tcp", CLIENT_PORTS),
    ("udp", (DNS, DNS)),
    ("udp", CLIENT_PORTS),
)
# What the endpoint of the internal gateway serves: the gateway itself, and names of the internal zone.
DOOR: tuple[tuple[str, Ports], ...] = (("tcp", (HTTPS, HTTPS)), ("tcp", (DNS, DNS)), ("udp", (DNS, DNS)))


def callers_of(service: str) -> tuple[str, ...]:
    """Which services call the load balancer of this one."""
    return tuple(caller for caller, peers in PEERS.items() if service in peers)


def settings_readers() -> tuple[str, ...]:
    """Whose nodes read the system settings over the Transit Gateway."""
    return tuple(service for service in PEERS if service != SETTINGS_OWNER)


def tiers_of(service: str) -> tuple[str, ...]:
    """The tiers of a service's network."""
    usual = (ranges.PUBLIC, ranges.COMPUTE, ranges.DATA, ranges.TRANSIT)
    return (*usual, ranges.ENTRY) if service == ENTRY_OWNER else usual
