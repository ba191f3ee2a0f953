"""ETag and If-Match of resources that several people edit (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

from flask import request

from libs.chassis.problems import PreconditionFailed, PreconditionRequired


def etag_of(version: int) -> str:
    """A strong ETag of a version number."""
    return f'"{version}"'


def require_match(version: int) -> None:
    """Require If-Match with `version`. Raises PreconditionRequired or PreconditionFailed."""
    sent = request.headers.get("If-Match")
    if sent is None:
        raise PreconditionRequired("Send the ETag that you read as If-Match, so that no change is overwritten.")
    given = [part.strip().removeprefix("W/") for part in sent.split(",")]
    if "*" not in given and etag_of(version) not in given:
        raise PreconditionFailed(f"it is at {etag_of(version)} now; read it again and repeat your change")


def require_match_if_sent(version: int) -> bool:
    """Like `require_match` where the header is optional. Returns whether it was sent."""
    if "If-Match" not in request.headers:
        return False
    require_match(version)
    return True
