"""The HTTP filters in their order: source, CORS, headers, trace, throttle, body, token exchange, JWT, service."""

from __future__ import annotations

import ipaddress
from typing import Any

from tools.gateway.envoy.clusters import exchange_cluster
from tools.gateway.envoy.context import request_context
from tools.gateway.envoy.headers import request_mutations, response_mutations
from tools.gateway.envoy.replies import ROUTE_METADATA
from tools.gateway.envoy.retries import exchange_retry_policy
from tools.gateway.inputs import EnvoyInputs
from tools.gateway.model import Gateway, Rate, Throttle

_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
# The least recently used token bucket is dropped first.
MAX_BUCKETS = 20_000
# A subscriber can use any address of an IPv6 network, so the network is throttled.
IPV6_SUBSCRIBER_BITS = 64
JWKS_CACHE_SECONDS = 60
CLOCK_SKEW_SECONDS = 60  # as libs/chassis/security.py allows
ACCESS_TOKEN = "access token"  # noqa: S105 a name


def http_filters(gateway: Gateway, inputs: EnvoyInputs) -> list[dict[str, Any]]:
    """Return the HTTP filters. Token exchange and JWT check apply to every route that does not disable them."""
    return [
        _filter("rbac", "RBAC", _allowed_sources(gateway)),
        _filter("cors", "Cors", {}),
        _filter("header_mutation", "HeaderMutation", _mutations()),
        _filter("lua", "Lua", request_context()),
        _filter("local_ratelimit", "LocalRateLimit", _throttles(gateway)),
        _filter("buffer", "Buffer", {"max_request_bytes": gateway.unmatched_body_limit_bytes}),
        _filter("ext_authz", "ExtAuthz", _exchange(gateway, inputs)),
        _filter("jwt_authn", "JwtAuthentication", _jwt(gateway, inputs)),
        _filter("router", "Router", {"suppress_envoy_headers": True}),
    ]


def _filter(name: str, message: str, config: dict[str, Any]) -> dict[str, Any]:
    typed_config = {"@type": f"{_FILTERS}.{name}.v3.{message}"} | config
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed_config}


def _allowed_sources(gateway: Gateway) -> dict[str, Any]:
    networks = [ipaddress.ip_network(source) for source in gateway.source_ranges]
    sources = [
        {"remote_ip": {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}}
        for network in networks
    ]
    policy = {"permissions": [{"any": True}], "principals": sources}
    return {"rules": {"action": "ALLOW", "policies": {"allowed sources": policy}}}


def _mutations() -> dict[str, Any]:
    return {
        "mutations": {
            "request_mutations": request_mutations(),
            "response_mutations": response_mutations(),
        }
    }


def _throttles(gateway: Gateway) -> dict[str, Any]:
    """Buckets by class and client address, and by class and token: changing the token does not help an attacker."""
    by_class = {
        "metadata": {
            "descriptor_key": "throttle",
            "metadata_key": {"key": ROUTE_METADATA, "path": [{"key": "throttle"}]},
            "source": "ROUTE_ENTRY",
        }
    }
    by_token = {"request_headers": {"header_name": "authorization", "descriptor_key": "token"}}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "stat_prefix": "throttle",
        "filter_enabled": always,
        "filter_enforced": always,
        # For requests without a descriptor; every route has a class, so there are none.
        "token_bucket": {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"},
        "always_consume_default_token_bucket": False,
        "max_dynamic_descriptors": MAX_BUCKETS,
        "rate_limits": [
            {"actions": [by_class, {"masked_remote_address": {"v6_prefix_mask_len": IPV6_SUBSCRIBER_BITS}}]},
            {"actions": [by_class, by_token]},
        ],
        "descriptors": [entry for throttle in gateway.throttles for entry in _descriptors(throttle)],
    }


def _descriptors(throttle: Throttle) -> list[dict[str, Any]]:
    limits = [("masked_remote_address", throttle.per_address)]
    if throttle.per_token:
        limits.append(("token", throttle.per_token))
    # An entry without a value matches any value; each value gets its own bucket.
    return [
        {"entries": [{"key": "throttle", "value": throttle.name}, {"key": key}], "token_bucket": _bucket(rate)}
        for key, rate in limits
    ]


def _bucket(rate: Rate) -> dict[str, Any]:
    # Envoy adds whole tokens, at most every 50 ms.
    tokens = max(round(rate.requests_per_second), 1)
    return {
        "max_tokens": rate.burst,
        "tokens_per_fill": tokens,
        "fill_interval": f"{tokens / rate.requests_per_second:.6f}s",
    }


def _exchange(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """Exchange the opaque token for a JWT at auth; without a cache, so that a log-out takes effect immediately."""
    authorizer = gateway.authorizer
    return {
        "transport_api_version": "V3",
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": {
            "patterns": [{"exact": name} for name in ("x-request-id", "traceparent", "x-forwarded-for")]
        },
        "http_service": {
            "server_uri": {
                "uri": _uri(gateway, inputs, ""),
                "cluster": exchange_cluster(gateway),
                "timeout": f"{authorizer.timeout_seconds}s",
            },
            "path_prefix": authorizer.exchange_path,
            # The exchange is idempotent, so retries hide a restart of auth.
            "retry_policy": exchange_retry_policy(authorizer.timeout_seconds),
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                "allowed_client_headers": {"patterns": [{"exact": "www-authenticate"}]},
            },
        },
    }


def _jwt(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """Verify the JWT of the exchange, so that an error of the exchange grants no access."""
    provider = {
        "issuer": inputs.jwt_issuer,
        "audiences": [inputs.jwt_audience],
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "forward": True,
        "require_expiration": True,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "remote_jwks": {
            "http_uri": {
                "uri": _uri(gateway, inputs, gateway.authorizer.jwks_path),
                "cluster": exchange_cluster(gateway),
                "timeout": f"{gateway.authorizer.timeout_seconds}s",
            },
            "cache_duration": f"{JWKS_CACHE_SECONDS}s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": "0.5s"},
        },
    }
    return {
        "providers": {ACCESS_TOKEN: provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": ACCESS_TOKEN}}],
    }


def _uri(gateway: Gateway, inputs: EnvoyInputs, path: str) -> str:
    host, port = inputs.upstreams[gateway.authorizer.service]
    return f"https://{host}:{port}{path}"
