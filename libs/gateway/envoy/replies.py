"""The answers that a gateway gives by itself, all as problem documents (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from libs.gateway.envoy.headers import REALM, answer_headers, header

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
    # Only when Envoy gave this reason, e.g. "UAEX": refused by the authorizer.
    flag: str | None = None


REPLIES = (
    Reply(400, "malformed-request", "The request is malformed", "The gateway could not accept this request."),
    Reply(
        401,
        "unauthenticated",
        "A valid access token is needed",
        "The access token is missing, unknown or no longer valid.",
        (("www-authenticate", REALM),),
    ),
    Reply(403, "forbidden", "This account may not do that", "This account has no access here.", flag="UAEX"),
    Reply(403, "address-refused", "This address may not do that", "This gateway is not open to your network."),
    Reply(404, "not-found", "There is no such thing", "This gateway knows no such path."),
    Reply(
        405,
        "method-not-allowed",
        "This path does not know that method",
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
    Reply(502, "bad-answer", "A service gave no usable answer", "Something behind the gateway went wrong."),
    Reply(
        503,
        "unavailable",
        "Something needed is away for now",
        "Try again in a moment.",
        (("retry-after", "2"),),
    ),
    Reply(504, "timeout", "A service took too long", "It is not known whether the request took effect."),
)


def local_replies() -> dict[str, Any]:
    """Envoy's `local_reply_config`: each of REPLIES, and one document for whatever else is an error."""
    return {"mappers": [*(_mapper(reply) for reply in REPLIES), _any_other_error()]}


def _mapper(reply: Reply) -> dict[str, Any]:
    condition = _status("EQ", reply.status)
    if reply.flag:
        by_flag = {"response_flag_filter": {"flags": [reply.flag]}}
        condition = {"and_filter": {"filters": [condition, by_flag]}}
    body = {
        "type": TYPE_BASE + reply.slug,
        "title": reply.title,
        "status": reply.status,
        "detail": reply.detail,
    }
    headers = answer_headers() + [header(name, value, keep=True) for name, value in reply.headers]
    return {"filter": condition, "headers_to_add": headers, "body_format_override": _format(body)}


def _any_other_error() -> dict[str, Any]:
    body = {"type": "about:blank", "title": "The request failed", "status": "%RESPONSE_CODE%"}
    return {
        "filter": _status("GE", 400),
        "headers_to_add": answer_headers(),
        "body_format_override": _format(body),
    }


def _status(comparison: str, status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"gateway.reply_{status}"}
    return {"status_code_filter": {"comparison": {"op": comparison, "value": value}}}


def _format(body: dict[str, Any]) -> dict[str, Any]:
    document = body | {"instance": "urn:reclothes:request:%REQ(X-REQUEST-ID)%"}
    return {"json_format": document, "content_type": MEDIA_TYPE}
