"""Keep the session cache up to date."""

from __future__ import annotations

from libs.chassis import logs
from libs.chassis.cache import RedisError
from services.auth.registry import registry
from services.auth.sessions import revocation


@registry.every(seconds=1)
def update_session_cache() -> None:
    """Send the updates that may not have reached the cache after their commit."""
    try:
        revocation.send_pending_updates()
    except RedisError as error:
        logs.get_logger(__name__).warning("session cache update postponed", reason=type(error).__name__)
