"""The listener of a gateway: TLS, limits of size and time for clients, and the access log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.gateway.envoy.filters import http_filters
from tools.gateway.envoy.replies import local_replies
from tools.gateway.envoy.routes import route_configuration
from tools.gateway.inputs import STDOUT, EnvoyInputs
from tools.gateway.model import Gateway

# For clients with TLS 1.2: only suites with forward secrecy and authenticated encryption, as in TLS 1.3.
TLS_1_2_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
STREAMS_PER_CONNECTION = 100
REQUESTS_PER_CONNECTION = 10_000
BUFFER_BYTES = 256 * 1024
_CORE = "type.googleapis.com/envoy.extensions"


def listener(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """Return the only listener of a gateway, which accepts TLS and closes connections with plain HTTP."""
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _connection_manager(gateway, inputs),
    }
    chain = {
        "transport_socket": _tls(inputs),
        "transport_socket_connect_timeout": f"{gateway.timeouts.client_headers_seconds}s",
        "filters": [manager],
    }
    return {
        "name": gateway.name,
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [chain],
    } | _address(inputs)


def _address(inputs: EnvoyInputs) -> dict[str, Any]:
    if isinstance(inputs.listen, Path):
        proxy_protocol = {"@type": f"{_CORE}.filters.listener.proxy_protocol.v3.ProxyProtocol"}
        return {
            "address": {"pipe": {"path": str(inputs.listen), "mode": 0o600}},
            "listener_filters": [{"name": "envoy.filters.listener.proxy_protocol", "typed_config": proxy_protocol}],
        }
    host, port = inputs.listen
    return {"address": {"socket_address": {"address": host, "port_value": port}}}


def _connection_manager(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    network = f"{_CORE}.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return (
        {
            "@type": network,
            "stat_prefix": gateway.name,
            "server_name": "reclothes",
            "route_config": route_configuration(gateway),
            "http_filters": http_filters(gateway, inputs),
            "local_reply_config": local_replies(),
            "access_log": [_access_log(gateway, inputs)],
        }
        | _identity(inputs)
        | _paths()
        | _client_limits(gateway)
    )


def _identity(inputs: EnvoyInputs) -> dict[str, Any]:
    """Settings of the client address and the request id: neither is taken from the client.

    The client address in X-Forwarded-For is trusted only if it comes from one of `trusted_hops` own proxies.
    """
    # An empty list would be Envoy's default, which trusts the loopback address; no client has this address.
    no_network = [{"address_prefix": "255.255.255.255", "prefix_len": 32}]
    uuid_only = {"@type": f"{_CORE}.request_id.uuid.v3.UuidRequestIdConfig", "pack_trace_reason": False}
    return {
        "use_remote_address": True,
        "xff_num_trusted_hops": inputs.trusted_hops,
        "internal_address_config": {"unix_sockets": False, "cidr_ranges": no_network},
        "preserve_external_request_id": False,
        "always_set_request_id_in_response": True,
        "request_id_extension": {"typed_config": uuid_only},
    }


def _paths() -> dict[str, Any]:
    """Normalize paths, so that the service gets the same path by which the route was chosen."""
    return {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
    }


def _client_limits(gateway: Gateway) -> dict[str, Any]:
    timeouts, limits = gateway.timeouts, gateway.limits
    # The slowest request followed by the slowest response.
    stream_idle = timeouts.client_request_seconds + timeouts.service_response_seconds
    return {
        "request_headers_timeout": f"{timeouts.client_headers_seconds}s",
        "request_timeout": f"{timeouts.client_request_seconds}s",
        "stream_idle_timeout": f"{stream_idle}s",
        "max_request_headers_kb": limits.header_kilobytes,
        "common_http_protocol_options": {
            "idle_timeout": f"{timeouts.client_idle_seconds}s",
            "max_headers_count": limits.headers,
            "max_requests_per_connection": REQUESTS_PER_CONNECTION,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": STREAMS_PER_CONNECTION,
            "initial_stream_window_size": 65_536,
            "initial_connection_window_size": 1_048_576,
        },
    }


def _tls(inputs: EnvoyInputs) -> dict[str, Any]:
    certificate = {
        "certificate_chain": {"filename": str(inputs.tls_cert)},
        "private_key": {"filename": str(inputs.tls_key)},
    }
    context = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificates": [certificate],
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_2",
            "tls_maximum_protocol_version": "TLSv1_3",
            "cipher_suites": list(TLS_1_2_CIPHERS),
        },
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{_CORE}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": context,
        },
    }


def _access_log(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """One JSON line for each request, without the query, which may contain secrets."""
    entry = {
        "timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "service": f"{gateway.name}-gateway",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "traceparent": "%REQ(TRACEPARENT)%",
        "operation": "%ROUTE_NAME%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "reason": "%RESPONSE_CODE_DETAILS%",
        "duration_ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "protocol": "%PROTOCOL%",
        "tls": "%DOWNSTREAM_TLS_VERSION%",
        "user_agent": "%REQ(USER-AGENT)%",
        "upstream": "%UPSTREAM_HOST%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    }
    sink: dict[str, Any] = {"log_format": {"json_format": entry}}
    if inputs.access_log == STDOUT:
        kind = f"{_CORE}.access_loggers.stream.v3.StdoutAccessLog"
    else:
        kind = f"{_CORE}.access_loggers.file.v3.FileAccessLog"
        sink["path"] = str(inputs.access_log)
    return {"name": "envoy.access_loggers.gateway", "typed_config": {"@type": kind} | sink}
