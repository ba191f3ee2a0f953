"""Audit entries of log-ins and account changes, also of customers and of callers that are not authenticated.

An entry about a rejected request is kept only if the caller commits before it raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.chassis import audit
from libs.chassis.security import Principal, use_principal
from services.auth.accounts.tables import User

UNKNOWN = "unknown"


def record(user: User, action: str, target: str = "", after: Any = None) -> None:
    """Add an entry about an action of `user`."""
    with use_principal(Principal(user.id, user.kind, frozenset(user.role_names))):
        audit.record(action, target or f"/auth/v1/users/{user.id}", after=after)


def record_rejection(
    user_id: str | None, kind: str, action: str, reason: str, locked_seconds: Mapping[str, int] | None = None
) -> None:
    """Add an entry about a rejected request, with the locks that it caused.

    It reads nothing, so that it takes as long for an unknown user (None). Requests that are rejected because of a
    lock must not be recorded: their sender could fill the audit trail.
    """
    after: dict[str, Any] = {"refused": reason}
    if locked_seconds:
        after["locked_seconds"] = dict(locked_seconds)
    with use_principal(Principal(user_id or UNKNOWN, kind)):
        audit.record(action, f"/auth/v1/users/{user_id or UNKNOWN}", after=after)


def record_client(client_id: str, action: str) -> None:
    """Add an entry about an action of a service account."""
    with use_principal(Principal(client_id, "machine")):
        audit.record(action, f"/auth/v1/oauth-clients/{client_id}")
