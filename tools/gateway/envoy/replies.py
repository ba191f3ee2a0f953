"""The error responses of the gateway itself, as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from libs.chassis import problems
from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tools.gateway.envoy.headers import REALM, header, response_headers

ROUTE_METADATA = "reclothes"
RETRY_AFTER_OF_ROUTE = f"%METADATA(ROUTE:{ROUTE_METADATA}:retry_after_seconds)%"


@dataclass(frozen=True)
class Reply:
    """An error response of the gateway itself."""

    status: int
    slug: str
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    # Only when Envoy's response code details begin with this.
    reason: str | None = None


def shared_reply(problem: type[problems.Problem], detail: str, *headers: tuple[str, str]) -> Reply:
    """Return a reply with the slug and the title that services use too."""
    return Reply(problem.status, problem.slug, problem.title, detail, headers)


REPLIES = (
    Reply(400, "malformed-request", "The request is malformed", "The gateway could not parse this request."),
    shared_reply(
        problems.Unauthenticated,
        "The access token is missing, unknown or no longer valid.",
        ("www-authenticate", REALM),
    ),
    Reply(
        403,
        "address-not-allowed",
        "Requests from this network are not allowed",
        "This gateway is not open to your network.",
        reason="rbac_access_denied",
    ),
    Reply(
        403,
        "upgrade-not-supported",
        "Protocol upgrades are not supported",
        "Send the request without an upgrade or a tunnel.",
        reason="upgrade_failed",
    ),
    shared_reply(problems.Forbidden, "This account is not allowed to send this request."),
    shared_reply(problems.NotFound, "No operation of this gateway has this path."),
    shared_reply(problems.MethodNotAllowed, "The header Allow lists the methods of this path."),
    Reply(408, "request-timeout", "The request took too long", "The request did not arrive in time."),
    shared_reply(problems.PayloadTooLarge, "The body is longer than this operation allows."),
    Reply(421, "unknown-host", "The host is unknown", "The header Host names no host of this gateway."),
    Reply(426, "upgrade-required", "The protocol version is too old", "Use HTTP/1.1 or HTTP/2."),
    shared_reply(
        problems.TooManyRequests,
        "Wait for the time in the header Retry-After.",
        ("retry-after", RETRY_AFTER_OF_ROUTE),
    ),
    Reply(431, "headers-too-large", "The headers are too large", "The headers, including the path, are too long."),
    Reply(
        501,
        "not-implemented",
        "The transfer coding is not supported",
        "Send the body with a Content-Length, or with the transfer coding chunked alone.",
    ),
    Reply(502, "bad-gateway", "A service sent an invalid response", "An error occurred behind the gateway."),
    shared_reply(problems.Unavailable, "Try again in a moment.", ("retry-after", "2")),
    Reply(504, "timeout", "A service took too long", "It is unknown whether the request took effect."),
)


def local_replies() -> dict[str, Any]:
    """Return Envoy's `local_reply_config`: each of REPLIES, and one document for all other errors.

    A request that is rejected before it is parsed, for example because of long headers, has no request id. So each
    document exists with and without `instance`.
    """
    mappers = []
    for with_id in (False, True):
        mappers += [_mapper(reply, with_id) for reply in REPLIES]
        mappers.append(_any_other_error(with_id))
    return {"mappers": mappers}


def _mapper(reply: Reply, with_id: bool) -> dict[str, Any]:
    conditions = [_status("EQ", reply.status)]
    if reply.reason:
        conditions.append(_reason(reply.reason))
    body = {
        "type": TYPE_BASE + reply.slug,
        "title": reply.title,
        "status": reply.status,
        "detail": reply.detail,
    }
    return _map(conditions, body, reply.headers, with_id)


def _any_other_error(with_id: bool) -> dict[str, Any]:
    body = {"type": "about:blank", "title": "The request failed", "status": "%RESPONSE_CODE%"}
    return _map([_status("GE", 400)], body, (), with_id)


def _map(
    conditions: list[dict[str, Any]],
    body: dict[str, Any],
    headers: Iterable[tuple[str, str]],
    with_id: bool,
) -> dict[str, Any]:
    if with_id:
        body = body | {"instance": "urn:reclothes:request:%REQ(X-REQUEST-ID)%"}
    has_id = {"header_filter": {"header": {"name": "x-request-id", "present_match": with_id}}}
    return {
        "filter": {"and_filter": {"filters": [has_id, *conditions]}},
        "headers_to_add": response_headers() + [header(name, value, keep=True) for name, value in headers],
        "body_format_override": {"json_format": body, "content_type": MEDIA_TYPE},
    }


def _status(comparison: str, status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"gateway.reply_{status}"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _reason(start: str) -> dict[str, Any]:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": f"response.code_details.startsWith('{start}')",
            },
        }
    }
