"""The coin accounts of a person are opened at registration."""

from __future__ import annotations

from libs.chassis.event_types import UserRegistered
from libs.chassis.events import Event
from services.billing.coins.accounts import open_accounts
from services.billing.registry import registry


@registry.handles("auth.user.registered.v1")
def open_coin_accounts(event: Event[UserRegistered]) -> None:
    open_accounts(event.data["user_id"])
