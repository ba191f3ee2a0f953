"""Configuration files of a local platform's gateways: Envoy for each, the connection limiter in front of both."""

from __future__ import annotations

from tools.gateway import connection_limiter
from tools.gateway.build import GATEWAYS, read_gateway, write_envoy_config
from tools.gateway.connection_limiter import LimitedGateway
from tools.gateway.inputs import EnvoyInputs
from tools.local_platform.layout import HOST, Layout
from tools.project import SERVICES


def write(layout: Layout) -> None:
    for gateway in GATEWAYS:
        inputs = EnvoyInputs(
            listen=layout.gateway_address(gateway),
            tls_cert=layout.secrets_dir / "server.pem",
            tls_key=layout.secrets_dir / "server-key.pem",
            ca_file=layout.ca_file,
            upstreams={service: (HOST, layout.port(service)) for service in SERVICES},
            jwt_issuer=layout.gateway_url("external"),
            admin=layout.run_dir / f"{gateway}-admin.sock",
            trusted_hops=1 if gateway == "external" and layout.waf else 0,
        )
        write_envoy_config(gateway, layout.config_dir / f"{gateway}.json", inputs)
    write_connection_limiter(layout)


def write_connection_limiter(layout: Layout) -> None:
    limited = []
    for gateway in GATEWAYS:
        behind_firewall = gateway == "external" and layout.waf
        upstream = (HOST, layout.port("waf")) if behind_firewall else layout.gateway_address(gateway)
        limited.append(LimitedGateway(read_gateway(gateway), (HOST, layout.port(gateway)), upstream))
    connection_limiter.write_config(layout.config_dir / connection_limiter.CONFIG_FILE, limited)
