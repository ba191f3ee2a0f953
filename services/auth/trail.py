"""Auth's part of the audit trail: who came and went, and who was refused, customers too.

An entry of somebody who is not let in has a transaction of its own, since the refusal takes the request's back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.chassis import audit
from libs.chassis.db import unit_of_work
from libs.chassis.security import Principal, use_principal
from services.auth.models import User

NOBODY = "unknown"


def record(user: User | None, action: str, target: str = "", after: Any = None) -> None:
    """Add an entry about what `user` did, or None for somebody whom we do not know."""
    if user is None:
        who = Principal(NOBODY, "unknown")
    else:
        who = Principal(user.id, user.kind, frozenset(assigned.role for assigned in user.roles))
    with use_principal(who):
        audit.record(action, target or f"/auth/v1/users/{who.subject}", after=after)


def record_refusal(
    user_id: str | None, kind: str, action: str, reason: str, locked_seconds: Mapping[str, int] | None = None
) -> None:
    """Add an entry that stays although the request is refused; `locked_seconds` says what is locked from now on.

    Nothing is read for it: it takes as long for somebody whom we do not know (None). Tries while something is
    locked are no entries: whoever sends them could fill the trail.
    """
    after: dict[str, Any] = {"refused": reason}
    if locked_seconds:
        after["locked_seconds"] = dict(locked_seconds)
    with unit_of_work(), use_principal(Principal(user_id or NOBODY, kind)):
        audit.record(action, f"/auth/v1/users/{user_id or NOBODY}", after=after)


def record_client(client_id: str, action: str) -> None:
    """Add an entry about what a service account did."""
    with use_principal(Principal(client_id, "machine")):
        audit.record(action, f"/auth/v1/oauth-clients/{client_id}")
