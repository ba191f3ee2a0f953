"""Envoy's configuration, built from the model of a gateway by `bootstrap()`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.gateway.envoy.clusters import clusters
from tools.gateway.envoy.listener import listener
from tools.gateway.errors import GatewayConfigError
from tools.gateway.inputs import EnvoyInputs
from tools.gateway.model import Gateway

# An idle gateway uses 70 MiB. Near this limit it rejects requests instead of being killed for its memory use.
MAX_HEAP_BYTES = 256 * 1024 * 1024
# Reject bytes after the end of a chunk: servers that parse them differently allow request smuggling.
STRICT = {"envoy.reloadable_features.strict_chunk_parsing": True}
MAX_SOCKET_PATH_BYTES = 107  # unix(7)


def bootstrap(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """Return the configuration of one Envoy process; GatewayConfigError when the inputs are invalid."""
    problems = [
        f"there is no upstream for {service}" for service in gateway.services if service not in inputs.upstreams
    ]
    sockets = [address for address in (inputs.listen, inputs.admin) if isinstance(address, Path)]
    problems += [
        f"{path} is too long for a unix socket ({MAX_SOCKET_PATH_BYTES} bytes)"
        for path in sockets
        if len(str(path).encode()) > MAX_SOCKET_PATH_BYTES
    ]
    if problems:
        raise GatewayConfigError(f"inputs of the {gateway.name} gateway", problems)
    return {
        "node": {"id": f"{gateway.name}-gateway", "cluster": "reclothes"},
        "admin": _admin(inputs.admin),
        "static_resources": {
            "listeners": [listener(gateway, inputs)],
            "clusters": clusters(gateway, inputs),
        },
        "overload_manager": _overload_manager(gateway),
        "layered_runtime": {"layers": [{"name": "strict", "static_layer": STRICT}]},
    }


def _admin(admin: Path | int) -> dict[str, Any]:
    address: dict[str, Any]
    if isinstance(admin, int):
        address = {"socket_address": {"address": "127.0.0.1", "port_value": admin}}
    else:
        address = {"pipe": {"path": str(admin), "mode": 0o600}}
    # Only the paths of readiness checks and metrics, without /quitquitquit and /config_dump.
    allowed = [{"exact": "/ready"}, {"exact": "/server_info"}, {"prefix": "/stats"}]
    return {"address": address, "allow_paths": allowed, "ignore_global_conn_limit": True}


def _overload_manager(gateway: Gateway) -> dict[str, Any]:
    base = "type.googleapis.com/envoy.extensions.resource_monitors"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"{base}.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": gateway.limits.connections,
                },
            },
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": f"{base}.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": MAX_HEAP_BYTES,
                },
            },
        ],
        "actions": [
            _when_heap_is("envoy.overload_actions.shrink_heap", 0.85),
            _when_heap_is("envoy.overload_actions.disable_http_keepalive", 0.90),
            _when_heap_is("envoy.overload_actions.stop_accepting_requests", 0.95),
        ],
    }


def _when_heap_is(action: str, share: float) -> dict[str, Any]:
    trigger = {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}
    return {"name": action, "triggers": [trigger]}
