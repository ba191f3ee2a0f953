"""ETag and If-Match on what two people may edit (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

from flask import request

from libs.chassis.problems import PreconditionFailed, PreconditionRequired


def etag_of(version: int) -> str:
    """A strong ETag of a version number."""
    return f'"{version}"'


def require_match(version: int) -> None:
    """Refuse the request unless its If-Match names `version`: 428 without the header, 412 with another one."""
    sent = request.headers.get("If-Match")
    if sent is None:
        raise PreconditionRequired("send the ETag that you read as If-Match, so that nobody's change is lost")
    given = [part.strip().removeprefix("W/") for part in sent.split(",")]
    if "*" not in given and etag_of(version) not in given:
        raise PreconditionFailed(f"it is at {etag_of(version)} now; read it again and repeat your change")


def require_match_if_sent(version: int) -> bool:
    """Like `require_match` where the contract leaves the header to the client; whether it was sent."""
    if "If-Match" not in request.headers:
        return False
    require_match(version)
    return True
