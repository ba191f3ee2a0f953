"""The Lambda authorizer, which exchanges the opaque token of a request for a JWT at auth, like Envoy does.

Amazon puts `authorization` of the result into the request to the service. The status is 401 when auth rejects the
token and 503 when auth is unavailable. Only the standard library is used, so the function is this single file.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

TIMEOUT_SECONDS = 3
UNAUTHORIZED = "Unauthorized"  # Amazon responds with 401 to an error with exactly this message


class AuthUnavailable(Exception):
    """Auth is unavailable; for Amazon an AUTHORIZER_FAILURE, for which the gateway responds with 503."""


def handler(event: dict[str, Any], _context: object = None) -> dict[str, Any]:
    """Handle one REQUEST authorizer event.

    Raises:
        Exception: "Unauthorized", which becomes a 401.
        AuthUnavailable: becomes a 503.
    """
    sent = [values for name, values in _headers(event).items() if name.lower() == "authorization"]
    if len(sent) != 1 or len(sent[0]) != 1:
        raise Exception(UNAUTHORIZED)
    return _allow(event["methodArn"], _exchange(sent[0][0], event))


def _headers(event: dict[str, Any]) -> dict[str, list[str]]:
    """Return all values of each header, since two tokens in one request are rejected."""
    headers: dict[str, list[str]] = event.get("multiValueHeaders") or {}
    return headers or {name: [value] for name, value in (event.get("headers") or {}).items()}


def _exchange(authorization: str, event: dict[str, Any]) -> str:
    url = os.environ["AUTH_EXCHANGE_URL"].rstrip("/") + quote(event["path"])
    context = event["requestContext"]  # for the request id and the address in the log of auth
    headers = {"X-Request-Id": context["requestId"], "X-Forwarded-For": context["identity"]["sourceIp"]}
    headers["Authorization"] = authorization
    request = urllib.request.Request(url, method=event["httpMethod"], headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310 the URL is ours
            jwt = response.headers.get("Authorization", "")
    except urllib.error.HTTPError as error:
        if error.code == 401:
            raise Exception(UNAUTHORIZED) from None
        raise AuthUnavailable(f"auth responded with {error.code}") from None
    except ValueError:  # the value is no valid header, so it is no token
        raise Exception(UNAUTHORIZED) from None
    except (OSError, http.client.HTTPException) as error:
        raise AuthUnavailable(type(error).__name__) from None
    if not jwt.startswith("Bearer "):
        raise AuthUnavailable("auth responded without a token")
    return str(jwt)


def _allow(method_arn: str, authorization: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": method_arn}
    return {
        "principalId": "client",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"authorization": authorization},
    }
