"""The error responses of Amazon API Gateway itself, as the same problem documents as those of Envoy."""

from __future__ import annotations

import json
from typing import Any

from libs.chassis import problems
from libs.chassis.problems import MEDIA_TYPE, TYPE_BASE
from tools.gateway.envoy.headers import CORS_RESPONSE_HEADERS, DEFAULT_HEADERS, SECURITY_HEADERS
from tools.gateway.envoy.replies import REPLIES, RETRY_AFTER_OF_ROUTE, Reply, shared_reply
from tools.gateway.model import Cors

# "Gateway response types for API Gateway" (AWS), each with the status for clients.
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
    # For an unknown path or method.
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
_UNSUPPORTED_MEDIA_TYPE = shared_reply(
    problems.UnsupportedMediaType, "Use a content type that the documentation lists for this operation."
)


def gateway_responses(cors: Cors) -> dict[str, Any]:
    """Return `x-amazon-apigateway-gateway-responses`, which replace Amazon's own `{"message": …}`."""
    by_type = {name: _response(status, _reply(status), cors) for name, status in STATUS_OF_TYPE.items()}
    defaults = {
        "DEFAULT_4XX": _response(None, None, cors),
        "DEFAULT_5XX": _response(None, None, cors),
    }
    return by_type | defaults


def _reply(status: int) -> Reply:
    matching = [reply for reply in (*REPLIES, _UNSUPPORTED_MEDIA_TYPE) if reply.status == status]
    return matching[-1]


def _response(status: int | None, reply: Reply | None, cors: Cors) -> dict[str, Any]:
    headers = {"Content-Type": MEDIA_TYPE} | SECURITY_HEADERS | DEFAULT_HEADERS
    if reply is not None:
        headers |= {name: _value(value) for name, value in reply.headers}
    if cors.allowed_origins:
        # These templates support no conditions, so every page may read the errors, which contain no personal data.
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = ",".join(CORS_RESPONSE_HEADERS)
    response: dict[str, Any] = {
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        "responseTemplates": {"application/json": problem_body(status, reply)},
    }
    return response | ({"statusCode": str(status)} if status else {})


def _value(value: str) -> str:
    return str(RETRY_AFTER_SECONDS) if value == RETRY_AFTER_OF_ROUTE else value


def problem_body(status: int | None, reply: Reply | None) -> str:
    """Return a problem document as a mapping template; without a reply it has only the status."""
    document: dict[str, Any] = {"type": "about:blank", "title": "The request failed", "status": "STATUS"}
    if reply is not None:
        document = {"type": TYPE_BASE + reply.slug, "title": reply.title, "status": status, "detail": reply.detail}
    document["instance"] = "urn:reclothes:request:$context.requestId"
    return json.dumps(document).replace('"STATUS"', "$context.status")
