"""The services behind a gateway: verified TLS, connection pools and limits of concurrent requests."""

from __future__ import annotations

import ipaddress
from typing import Any

from tools.gateway.inputs import EnvoyInputs
from tools.gateway.model import Gateway

# Less than the 75 s after which services close idle connections, so that the gateway closes them first.
IDLE_SECONDS = 60


def exchange_cluster(gateway: Gateway) -> str:
    """Return the name of the authorizer's own cluster: many log-ins must not delay the token exchange."""
    return f"{gateway.authorizer.service}-exchange"


def clusters(gateway: Gateway, inputs: EnvoyInputs) -> list[dict[str, Any]]:
    """Return one cluster for each exposed service, and one for the token exchange."""
    exposed = sorted({exposed.operation.service for exposed in gateway.exposed})
    named = [(service, service) for service in exposed]
    named.append((exchange_cluster(gateway), gateway.authorizer.service))
    return [_cluster(name, *inputs.upstreams[service], gateway, inputs) for name, service in named]


def _cluster(name: str, host: str, port: int, gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    address = {"socket_address": {"address": host, "port_value": port}}
    return {
        "name": name,
        "type": "STATIC" if _is_address(host) else "STRICT_DNS",
        "connect_timeout": f"{gateway.timeouts.service_connect_seconds}s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "transport_socket": _verified_tls(host, inputs),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
        "circuit_breakers": {"thresholds": [_threshold(gateway.limits.requests_per_service)]},
        "outlier_detection": _outlier_detection(),
    }


def _threshold(requests: int) -> dict[str, Any]:
    return {
        "max_connections": requests,
        "max_pending_requests": requests,
        "max_requests": requests,
        "max_retries": max(requests // 4, 1),
    }


def _outlier_detection() -> dict[str, Any]:
    """Skip a failing address of a service that has several; the only address of a service is never skipped."""
    return {"consecutive_gateway_failure": 5, "base_ejection_time": "5s", "max_ejection_percent": 50}


def _verified_tls(host: str, inputs: EnvoyInputs) -> dict[str, Any]:
    san_type = "IP_ADDRESS" if _is_address(host) else "DNS"
    tls: dict[str, Any] = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "alpn_protocols": ["http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
            "validation_context": {
                "trusted_ca": {"filename": str(inputs.ca_file)},
                "match_typed_subject_alt_names": [{"san_type": san_type, "matcher": {"exact": host}}],
            },
        },
    }
    if not _is_address(host):
        tls["sni"] = host
    return {"name": "envoy.transport_sockets.tls", "typed_config": tls}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
