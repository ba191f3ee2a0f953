"""The Lambda function that changes the opaque token of a request into a JWT: it asks auth's exchange, like Envoy.

Amazon puts `authorization` of the answer into the request to the service. A token that auth refuses is 401, an auth
that is away 503: it never opens by accident. Only the standard library is used, so the function is this one file.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

TIMEOUT_SECONDS = 3
UNAUTHORIZED = "Unauthorized"  # the very word that Amazon makes a 401 of


class AuthAway(Exception):
    """Auth did not answer; Amazon makes it AUTHORIZER_FAILURE, which the gateway answers with 503."""


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Answer one REQUEST authorizer event; raises Exception("Unauthorized") (401) or AuthAway (503)."""
    sent = [values for name, values in _headers(event).items() if name.lower() == "authorization"]
    if len(sent) != 1 or len(sent[0]) != 1:
        raise Exception(UNAUTHORIZED)
    return _allow(event["methodArn"], _exchange(sent[0][0], event))


def _headers(event: dict[str, Any]) -> dict[str, list[str]]:
    """All values of each header: two tokens in one request are refused."""
    found: dict[str, list[str]] = event.get("multiValueHeaders") or {}
    return found or {name: [value] for name, value in (event.get("headers") or {}).items()}


def _exchange(authorization: str, event: dict[str, Any]) -> str:
    url = os.environ["AUTH_EXCHANGE_URL"].rstrip("/") + quote(event["path"])
    known = event["requestContext"]  # what the gateway knows, so that auth's log has the request's id and address
    headers = {"X-Request-Id": known["requestId"], "X-Forwarded-For": known["identity"]["sourceIp"]}
    headers["Authorization"] = authorization
    request = urllib.request.Request(url, method=event["httpMethod"], headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 the URL is ours
            jwt = answer.headers.get("Authorization", "")
    except urllib.error.HTTPError as error:
        if error.code == 401:
            raise Exception(UNAUTHORIZED) from None
        raise AuthAway(f"auth answered {error.code}") from None
    except ValueError:  # no header can hold what was sent, so it is no token
        raise Exception(UNAUTHORIZED) from None
    except (OSError, http.client.HTTPException) as error:
        raise AuthAway(type(error).__name__) from None
    if not jwt.startswith("Bearer "):
        raise AuthAway("auth answered without a token")
    return str(jwt)


def _allow(method_arn: str, authorization: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": method_arn}
    return {
        "principalId": "client",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"authorization": authorization},
    }
