"""The answers that a gateway gives by itself, all as problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tools.gateway.envoy.headers import REALM, answer_headers, header

ROUTE_METADATA = "reclothes"
RETRY_AFTER_OF_ROUTE = f"%METADATA(ROUTE:{ROUTE_METADATA}:retry_after_seconds)%"


@dataclass(frozen=True)
class Reply:
    """One answer of the gateway: what a client reads for a status that no service gave."""

    status: int
    slug: str
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()
    # Only when Envoy's details of the answer begin with this.
    reason: str | None = None


REPLIES = (
    Reply(400, "malformed-request", "The request is malformed", "The gateway could not accept this request."),
    Reply(
        401,
        "unauthenticated",
        "A valid access token is required",
        "The access token is missing, unknown or no longer valid.",
        (("www-authenticate", REALM),),
    ),
    Reply(
        403,
        "address-refused",
        "This address does not have permission",
        "This gateway is not open to your network.",
        reason="rbac_access_denied",
    ),
    Reply(
        403,
        "upgrade-refused",
        "No other protocol is spoken here",
        "Neither upgrades nor tunnels are offered; send a plain request.",
        reason="upgrade_failed",
    ),
    Reply(403, "forbidden", "This account does not have permission", "This account has no access here."),
    Reply(404, "not-found", "Not found", "This gateway knows no such path."),
    Reply(
        405,
        "method-not-allowed",
        "Method not allowed",
        "The header Allow names the methods of this path.",
    ),
    Reply(408, "request-timeout", "The request took too long", "The request did not arrive in time."),
    Reply(413, "payload-too-large", "The request is too large", "The body is longer than this operation takes."),
    Reply(421, "unknown-host", "This host is not served here", "The header Host names no host of this gateway."),
    Reply(426, "upgrade-required", "A newer protocol is needed", "HTTP/1.1 or HTTP/2 is needed."),
    Reply(
        429,
        "too-many-requests",
        "Too many requests",
        "Wait as long as the header Retry-After says.",
        (("retry-after", RETRY_AFTER_OF_ROUTE),),
    ),
    Reply(431, "headers-too-large", "The headers are too large", "The headers, the path included, are too long."),
    Reply(
        501,
        "not-implemented",
        "That transfer coding is not known here",
        "Send the body with a Content-Length, or with the transfer coding chunked alone.",
    ),
    Reply(502, "bad-answer", "A service gave no usable answer", "Something behind the gateway went wrong."),
    Reply(
        503,
        "unavailable",
        "Temporarily unavailable",
        "Try again in a moment.",
        (("retry-after", "2"),),
    ),
    Reply(504, "timeout", "A service took too long", "It is not known whether the request took effect."),
)


def local_replies() -> dict[str, Any]:
    """Envoy's `local_reply_config`: each of REPLIES, and one document for whatever else is an error.

    What is refused before it was read, e.g. for headers too long, has no request id yet: each document exists with
    and without `instance`.
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
    return _answer(conditions, body, reply.headers, with_id)


def _any_other_error(with_id: bool) -> dict[str, Any]:
    body = {"type": "about:blank", "title": "The request failed", "status": "%RESPONSE_CODE%"}
    return _answer([_status("GE", 400)], body, (), with_id)


def _answer(
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
        "headers_to_add": answer_headers() + [header(name, value, keep=True) for name, value in headers],
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
