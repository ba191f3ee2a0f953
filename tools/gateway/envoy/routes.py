"""Envoy's routes for the exposed operations, in the order in which they are matched."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from tools.gateway.envoy.headers import CORS_REQUEST_HEADERS, CORS_RESPONSE_HEADERS, header
from tools.gateway.envoy.replies import ROUTE_METADATA
from tools.gateway.envoy.retries import RETRY_IDEMPOTENT, RETRY_UNSENT, retry_policy
from tools.gateway.model import Exposed, Gateway, Throttle

# Any in the path, NUL in the query: servers disagree on where such a path ends.
ENCODED_CONTROL_CHARACTER = "[^?]*%([01][0-9A-Fa-f]|7[Ff]).*|.*%00.*"
_FILTERS = "type.googleapis.com/envoy.extensions.filters.http"


def route_configuration(gateway: Gateway) -> dict[str, Any]:
    """Return the routes of the gateway's host names; other hosts get 421 (RFC 9110, 15.5.20)."""
    return {
        "name": gateway.name,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [
            {
                "name": gateway.name,
                "domains": list(gateway.host_names),
                "routes": _routes(gateway),
                "typed_per_filter_config": {"envoy.filters.http.cors": _cors(gateway, ())},
            },
            {
                "name": "other hosts",
                "domains": ["*"],
                "routes": [_tunnel(gateway), _direct_response("unknown_host", {"prefix": "/"}, 421, gateway)],
            },
        ],
    }


def _routes(gateway: Gateway) -> list[dict[str, Any]]:
    # Envoy joins two headers of one name with a comma, which no bearer token contains (RFC 6750, 2.1).
    two_tokens = {"name": "authorization", "string_match": {"contains": ","}}
    control_characters = {"name": ":path", "string_match": {"safe_regex": {"regex": ENCODED_CONTROL_CHARACTER}}}
    routes = [
        _tunnel(gateway),
        _direct_response("control_characters", {"prefix": "/", "headers": [control_characters]}, 400, gateway),
        _direct_response("two_tokens", {"prefix": "/", "headers": [two_tokens]}, 400, gateway),
    ]
    for path, operations in gateway.by_path().items():
        routes += [_operation(exposed, gateway) for exposed in operations]
        if gateway.cors.allowed_origins:
            routes.append(_preflight(path, operations, gateway))
        routes.append(_method_not_allowed(path, operations, gateway))
    return [*routes, _direct_response("not_found", {"prefix": "/"}, 404, gateway)]


def _operation(exposed: Exposed, gateway: Gateway) -> dict[str, Any]:
    operation = exposed.operation
    method = {"name": ":method", "string_match": {"exact": operation.method}}
    route: dict[str, Any] = {
        "name": operation.operation_id,
        "match": _path_match(operation.path) | {"headers": [method]},
        "metadata": _metadata(exposed.throttle),
        "route": {
            "cluster": operation.service,
            "timeout": f"{gateway.timeouts.service_response_seconds}s",
            "retry_policy": retry_policy(
                RETRY_IDEMPOTENT if operation.method == "GET" else RETRY_UNSENT,
                gateway.timeouts.service_response_seconds,
            ),
        },
        "typed_per_filter_config": _body_limit(exposed.body_limit_bytes),
    }
    if not exposed.needs_token:
        route["typed_per_filter_config"] |= _without_token()
        # OAuth clients authenticate at auth with HTTP Basic; no other service gets their secret.
        if operation.service != gateway.authorizer.service:
            route["request_headers_to_remove"] = ["authorization"]
    return route


def _tunnel(gateway: Gateway) -> dict[str, Any]:
    """Reject CONNECT like upgrades, without buffering its endless body."""
    route = _direct_response("tunnel", {"connect_matcher": {}}, 403, gateway)
    route["typed_per_filter_config"] |= {
        "envoy.filters.http.buffer": {"@type": f"{_FILTERS}.buffer.v3.BufferPerRoute", "disabled": True}
    }
    return route


def _method_not_allowed(path: str, operations: Sequence[Exposed], gateway: Gateway) -> dict[str, Any]:
    """Reject other methods of a known path."""
    methods = ", ".join(exposed.operation.method for exposed in operations)
    route = _direct_response(f"other methods of {path}", _path_match(path), 405, gateway)
    return route | {"response_headers_to_add": [header("allow", methods)]}


def _preflight(path: str, operations: Sequence[Exposed], gateway: Gateway) -> dict[str, Any]:
    """Match the CORS preflight of an allowed page.

    The CORS filter responds, but only on a route to a service. The service never gets the request: other pages do
    not match this route, and token exchange and JWT check come after the CORS filter as on every route.
    """
    methods = [exposed.operation.method for exposed in operations]
    any_origin = "|".join(re.escape(origin) for origin in gateway.cors.allowed_origins)
    headers = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "origin", "string_match": {"safe_regex": {"regex": any_origin}}},
        {"name": "access-control-request-method", "string_match": {"safe_regex": {"regex": "[A-Z]+"}}},
    ]
    return {
        "name": f"preflight of {path}",
        "match": _path_match(path) | {"headers": headers},
        "metadata": _metadata(gateway.unmatched_throttle),
        "route": {"cluster": operations[0].operation.service},
        "typed_per_filter_config": {"envoy.filters.http.cors": _cors(gateway, methods)},
    }


def _direct_response(name: str, match: dict[str, Any], status: int, gateway: Gateway) -> dict[str, Any]:
    return {
        "name": name,
        "match": match,
        "metadata": _metadata(gateway.unmatched_throttle),
        "direct_response": {"status": status},
        "typed_per_filter_config": _body_limit(gateway.unmatched_body_limit_bytes) | _without_token(),
    }


def _path_match(path: str) -> dict[str, Any]:
    if "{" not in path:
        return {"path": path}
    # `*` matches one segment, like a parameter of OpenAPI; Envoy allows only 16 characters in a name.
    template = re.sub(r"\{[^}]*\}", "*", path)
    return {
        "path_match_policy": {
            "name": "envoy.path.match.uri_template.uri_template_matcher",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                "path_template": template,
            },
        }
    }


def _metadata(throttle: Throttle) -> dict[str, Any]:
    """Metadata for the throttle filter and for the 429 response."""
    rates = [rate for rate in (throttle.per_address, throttle.per_token) if rate]
    wait = max(math.ceil(1 / rate.requests_per_second) for rate in rates)
    # Envoy prints numbers with decimals, which Retry-After does not allow (RFC 9110, 10.2.3).
    values = {"throttle": throttle.name, "retry_after_seconds": str(wait)}
    return {"filter_metadata": {ROUTE_METADATA: values}}


def _without_token() -> dict[str, Any]:
    return {
        "envoy.filters.http.ext_authz": {
            "@type": f"{_FILTERS}.ext_authz.v3.ExtAuthzPerRoute",
            "disabled": True,
        },
        "envoy.filters.http.jwt_authn": {"@type": f"{_FILTERS}.jwt_authn.v3.PerRouteConfig", "disabled": True},
    }


def _body_limit(limit_bytes: int) -> dict[str, Any]:
    return {
        "envoy.filters.http.buffer": {
            "@type": f"{_FILTERS}.buffer.v3.BufferPerRoute",
            "buffer": {"max_request_bytes": limit_bytes},
        }
    }


def _cors(gateway: Gateway, methods: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": f"{_FILTERS}.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in gateway.cors.allowed_origins],
        "allow_methods": ", ".join(methods),
        "allow_headers": ", ".join(CORS_REQUEST_HEADERS),
        "expose_headers": ", ".join(CORS_RESPONSE_HEADERS),
        "max_age": str(gateway.cors.max_age_seconds),
        "allow_credentials": False,
    }
