"""The answers that Amazon API Gateway gives by itself, as the same problem documents that Envoy gives."""

from __future__ import annotations

import json
from typing import Any

from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tools.gateway.envoy.headers import CORS_ANSWER_HEADERS, DEFAULT_HEADERS, SECURITY_HEADERS
from tools.gateway.envoy.replies import REPLIES, RETRY_AFTER_OF_ROUTE, Reply
from tools.gateway.model import Cors

# "Gateway response types for API Gateway" (AWS): each with the status that a client of ours is to see.
STATUS_OF_TYPE = {
    "ACCESS_DENIED": 403,
    "AUTHORIZER_CONFIGURATION_ERROR": 503,
    "AUTHORIZER_FAILURE": 503,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "EXPIRED_TOKEN": 401,
    "INTEGRATION_FAILURE": 503,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_SIGNATURE": 401,
    # What Amazon says of a path or method that it does not know.
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
RETRY_AFTER_SECONDS = 1
_UNSUPPORTED_MEDIA_TYPE = Reply(
    415, "unsupported-media-type", "Unsupported media type", "Send the type that the docs name."
)


def gateway_responses(cors: Cors) -> dict[str, Any]:
    """`x-amazon-apigateway-gateway-responses`: no answer is Amazon's own `{"message": …}`."""
    known = {name: _response(status, _reply_of(status), cors) for name, status in STATUS_OF_TYPE.items()}
    rest = {
        "DEFAULT_4XX": _response(None, None, cors),
        "DEFAULT_5XX": _response(None, None, cors),
    }
    return known | rest


def _reply_of(status: int) -> Reply:
    fitting = [reply for reply in (*REPLIES, _UNSUPPORTED_MEDIA_TYPE) if reply.status == status]
    return fitting[-1]


def _response(status: int | None, reply: Reply | None, cors: Cors) -> dict[str, Any]:
    headers = {"Content-Type": MEDIA_TYPE} | SECURITY_HEADERS | DEFAULT_HEADERS
    if reply is not None:
        headers |= {name: _value(value) for name, value in reply.headers}
    if cors.allowed_origins:
        # These templates know no conditions, so every page may read them: they tell nothing of anybody.
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = ",".join(CORS_ANSWER_HEADERS)
    response: dict[str, Any] = {
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        "responseTemplates": {"application/json": problem_body(status, reply)},
    }
    return response | ({"statusCode": str(status)} if status else {})


def _value(value: str) -> str:
    return str(RETRY_AFTER_SECONDS) if value == RETRY_AFTER_OF_ROUTE else value


def problem_body(status: int | None, reply: Reply | None) -> str:
    """A problem document as a mapping template; without a reply it tells only the status."""
    document: dict[str, Any] = {"type": "about:blank", "title": "The request failed", "status": "STATUS"}
    if reply is not None:
        document = {"type": TYPE_BASE + reply.slug, "title": reply.title, "status": status, "detail": reply.detail}
    document["instance"] = "urn:reclothes:request:$context.requestId"
    return json.dumps(document).replace('"STATUS"', "$context.status")
