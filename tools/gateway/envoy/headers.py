"""The request headers that are removed, and the headers of every response."""

from __future__ import annotations

from typing import Any

REALM = 'Bearer realm="reclothes"'

# Headers that claim an identity or an origin, which only the gateway states.
REMOVED_PREFIXES = (
    "x-user",
    "x-auth",
    "x-remote-",
    "x-principal",
    "x-role",
    "x-scope",
    "x-jwt",
    "x-internal",
    "x-reclothes",
    "x-envoy-",
    "x-amzn-",
    "x-original-",
    "x-rewrite-",
    "x-http-method",
    "x-method",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-forwarded-access-token",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-forwarded-client-cert",
)
# `proxy` becomes HTTP_PROXY in CGI ("httpoxy"); no operation uses cookies.
REMOVED = (
    "forwarded",
    "remote-user",
    "remote-addr",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "proxy",
    "proxy-authorization",
    "cookie",
)

# Responses are data and not pages: browsers must not execute, frame or sniff them (OWASP REST security).
SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
# Services set another value where a response may be cached.
DEFAULT_HEADERS = {"cache-control": "no-store"}

CORS_REQUEST_HEADERS = (
    "authorization",
    "cart-token",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "traceparent",
)
CORS_RESPONSE_HEADERS = ("etag", "location", "retry-after", "www-authenticate", "x-request-id")


def header(name: str, value: str, *, keep: bool = False) -> dict[str, Any]:
    """Set a header; with `keep` only when the response has none."""
    action = "ADD_IF_ABSENT" if keep else "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": name, "value": value}, "append_action": action}


def response_headers() -> list[dict[str, Any]]:
    """Return the headers of every response."""
    fixed = [header(name, value) for name, value in SECURITY_HEADERS.items()]
    return fixed + [header(name, value, keep=True) for name, value in DEFAULT_HEADERS.items()]


def request_mutations() -> list[dict[str, Any]]:
    """Remove headers that clients must not set, and set the address of the client."""
    removed: list[dict[str, Any]] = [{"remove": name} for name in REMOVED]
    removed += [
        {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}} for prefix in REMOVED_PREFIXES
    ]
    # The header of the client is replaced, so that it contains only the address that connected.
    return [*removed, {"append": header("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")}]


def response_mutations() -> list[dict[str, Any]]:
    """Remove headers that reveal the software of services, and set those of every response."""
    removed = [{"remove": name} for name in ("x-powered-by", "x-envoy-upstream-service-time")]
    return removed + [{"append": entry} for entry in response_headers()]
