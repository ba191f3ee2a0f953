"""What a request passes, in this order: source, CORS, headers, trace, throttle, body, exchange, JWT, service."""

from __future__ import annotations

import ipaddress
from typing import Any

from tools.gateway.envoy.clusters import exchange_cluster
from tools.gateway.envoy.context import request_context
from tools.gateway.envoy.headers import answer_mutations, request_mutations
from tools.gateway.envoy.replies import ROUTE_METADATA
from tools.gateway.envoy.retries import exchange_retry_policy
from tools.gateway.inputs import EnvoyInputs
from tools.gateway.model import Gateway, Rate, Throttle

_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"
# Buckets kept at once; the one that was not used for longest is forgotten first.
KEPT_BUCKETS = 20_000
# A subscriber has a whole IPv6 network to change addresses in, so the network is what is throttled.
IPV6_SUBSCRIBER_BITS = 64
JWKS_CACHE_SECONDS = 60
CLOCK_SKEW_SECONDS = 60  # as libs/chassis/security.py allows
ACCESS_TOKEN = "access token"  # noqa: S105 a name


def http_filters(gateway: Gateway, inputs: EnvoyInputs) -> list[dict[str, Any]]:
    """The chain of HTTP filters. Exchange and JWT hold for every route that does not switch them off."""
    return [
        _filter("rbac", "RBAC", _allowed_sources(gateway)),
        _filter("cors", "Cors", {}),
        _filter("header_mutation", "HeaderMutation", _mutations()),
        _filter("lua", "Lua", request_context()),
        _filter("local_ratelimit", "LocalRateLimit", _throttles(gateway)),
        _filter("buffer", "Buffer", {"max_request_bytes": gateway.refusals_body_limit_bytes}),
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
            "response_mutations": answer_mutations(),
        }
    }


def _throttles(gateway: Gateway) -> dict[str, Any]:
    """Buckets by class and client address, and by class and token, so that a rotating bad token gains nothing."""
    of_route = {
        "metadata": {
            "descriptor_key": "throttle",
            "metadata_key": {"key": ROUTE_METADATA, "path": [{"key": "throttle"}]},
            "source": "ROUTE_ENTRY",
        }
    }
    of_token = {"request_headers": {"header_name": "authorization", "descriptor_key": "token"}}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "stat_prefix": "throttle",
        "filter_enabled": always,
        "filter_enforced": always,
        # Only a request that fits no descriptor would meet this one, and every route has its class.
        "token_bucket": {"max_tokens": 1_000_000, "tokens_per_fill": 1_000_000, "fill_interval": "1s"},
        "always_consume_default_token_bucket": False,
        "max_dynamic_descriptors": KEPT_BUCKETS,
        "rate_limits": [
            {"actions": [of_route, {"masked_remote_address": {"v6_prefix_mask_len": IPV6_SUBSCRIBER_BITS}}]},
            {"actions": [of_route, of_token]},
        ],
        "descriptors": [entry for throttle in gateway.throttles for entry in _descriptors(throttle)],
    }


def _descriptors(throttle: Throttle) -> list[dict[str, Any]]:
    limits = [("masked_remote_address", throttle.per_address)]
    if throttle.per_token:
        limits.append(("token", throttle.per_token))
    # An entry without a value stands for any: each value gets a bucket of its own.
    return [
        {"entries": [{"key": "throttle", "value": throttle.name}, {"key": key}], "token_bucket": _bucket(rate)}
        for key, rate in limits
    ]


def _bucket(rate: Rate) -> dict[str, Any]:
    # Envoy refills whole tokens, not more often than every 50 ms.
    tokens = max(round(rate.requests_per_second), 1)
    return {
        "max_tokens": rate.burst,
        "tokens_per_fill": tokens,
        "fill_interval": f"{tokens / rate.requests_per_second:.6f}s",
    }


def _exchange(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """The opaque token goes to auth, its JWT comes back. Nothing is kept, so a log-out is immediate."""
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
            # An exchange changes nothing, so a restart of auth is waited for, not shown.
            "retry_policy": exchange_retry_policy(authorizer.timeout_seconds),
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [{"exact": "authorization"}]},
                "allowed_client_headers": {"patterns": [{"exact": "www-authenticate"}]},
            },
        },
    }


def _jwt(gateway: Gateway, inputs: EnvoyInputs) -> dict[str, Any]:
    """Whatever the exchange let through must be a JWT of ours: an error in it must not open a door."""
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
