"""Which headers a client may not send on to a service, and which ones every answer carries."""

from __future__ import annotations

from typing import Any

REALM = 'Bearer realm="reclothes"'

# Who somebody is, and where a request came from, is for the gateway to say.
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
# `proxy` becomes HTTP_PROXY in CGI ("httpoxy"); no operation reads a cookie.
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

# The answers are data, not pages: nothing in them is to be run, framed or sniffed (OWASP REST security).
SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
# A service that lets an answer be kept says so itself.
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
CORS_ANSWER_HEADERS = ("etag", "location", "retry-after", "www-authenticate", "x-request-id")


def header(name: str, value: str, *, keep: bool = False) -> dict[str, Any]:
    """A header to set; with `keep` only when there is none yet."""
    action = "ADD_IF_ABSENT" if keep else "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": name, "value": value}, "append_action": action}


def answer_headers() -> list[dict[str, Any]]:
    """The headers of every answer."""
    fixed = [header(name, value) for name, value in SECURITY_HEADERS.items()]
    return fixed + [header(name, value, keep=True) for name, value in DEFAULT_HEADERS.items()]


def request_mutations() -> list[dict[str, Any]]:
    """Remove what a client has no business to say; say where the request really came from."""
    removed: list[dict[str, Any]] = [{"remove": name} for name in REMOVED]
    removed += [
        {"remove_on_match": {"key_matcher": {"prefix": prefix, "ignore_case": True}}} for prefix in REMOVED_PREFIXES
    ]
    # What the client claimed in X-Forwarded-For is dropped: the one address left is the one that connected.
    return [*removed, {"append": header("x-forwarded-for", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")}]


def answer_mutations() -> list[dict[str, Any]]:
    """What a service says of itself is removed, the headers of every answer are set."""
    removed = [{"remove": name} for name in ("x-powered-by", "x-envoy-upstream-service-time")]
    return removed + [{"append": entry} for entry in answer_headers()]
