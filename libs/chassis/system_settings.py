"""System settings: amounts and switches that a manager changes without a restart.

Admin's database is the source. Services read a copy in ElastiCache and keep it in memory for CACHE_SECONDS. While
ElastiCache is unavailable they use the last known value, or the default of the catalogue.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from libs.chassis.cache import RedisError, settings_client
from libs.chassis.money import MINOR_UNIT_DIGITS
from libs.chassis.runtime import per_process

REDIS_KEY = "settings"
CACHE_SECONDS = 5.0
CURRENCY = "billing.currency"


@dataclass(frozen=True)
class SystemSetting:
    """A setting: its name, default (which determines its type), description with unit, and valid values.

    A number is from `minimum` to `maximum`; a text is one of `choices`.
    """

    name: str
    default: int | str | bool
    description: str
    minimum: int = 0
    maximum: int = 1_000_000
    choices: frozenset[str] = frozenset()

    def accepts(self, value: Any) -> bool:
        """Whether the value is valid; True and 1 are different."""
        if type(value) is not type(self.default):
            return False
        if isinstance(value, str):
            return value in self.choices
        return isinstance(value, bool) or self.minimum <= value <= self.maximum

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, int):
            return f"a whole number from {self.minimum} to {self.maximum}"
        return f"one of {len(self.choices)} codes, such as {self.default}"


CATALOGUE: dict[str, SystemSetting] = {
    setting.name: setting
    for setting in (
        SystemSetting(CURRENCY, "EUR", "Currency of all prices (ISO 4217)", choices=frozenset(MINOR_UNIT_DIGITS)),
        SystemSetting("billing.reward_deposit_coins", 50, "Coins for a deposit; 0 gives none", maximum=100_000),
        SystemSetting(
            "billing.reward_first_donation_coins",
            100,
            "Coins for the first donation; 0 gives none",
            maximum=100_000,
        ),
        SystemSetting(
            "billing.reward_story_coins", 30, "Coins for a donation with a story; 0 gives none", maximum=100_000
        ),
        SystemSetting(
            "billing.reward_checked_bad_coins",
            20,
            "Coins for a donation checked as bad; 0 gives none",
            maximum=100_000,
        ),
        SystemSetting(
            "billing.reward_published_coins", 40, "Coins for a donation put on sale; 0 gives none", maximum=100_000
        ),
        SystemSetting(
            "billing.reward_pick_up_coins", 20, "Coins for picking up a purchase; 0 gives none", maximum=100_000
        ),
        SystemSetting(
            "billing.reward_first_purchase_coins",
            100,
            "Coins for the first purchase that is picked up; 0 gives none",
            maximum=100_000,
        ),
        SystemSetting(
            "billing.coupon_value",
            500,
            "Value of the coupon for a recycled donation, in minor units; 0 gives none",
            maximum=100_000,
        ),
        SystemSetting("billing.coupon_valid_days", 180, "How long a coupon is valid, in days", 1, 3650),
        SystemSetting(
            "billing.occupation_fee",
            300,
            "Fee for cancelling a deposited donation, in minor units; 0 is free",
            maximum=100_000,
        ),
        SystemSetting(
            "billing.delivery_fee", 450, "Fee for returning a donation, in minor units; 0 is free", maximum=100_000
        ),
        SystemSetting("billing.coin_value", 1, "What a coin pays of an order or a fee, in minor units", 1, 10_000),
        SystemSetting(
            "billing.donor_share_percent", 40, "The donor's share of a sale, in percent; 0 gives none", maximum=100
        ),
        SystemSetting(
            "shopping.hold_minutes", 15, "How long an unpaid order holds its products, in minutes", 1, 1440
        ),
        SystemSetting("shopping.cart_max_items", 50, "Most products in one cart", 1, 50),
        SystemSetting(
            "customer.return_window_days", 14, "How long a purchase can be returned after pick-up, in days", 1, 365
        ),
        SystemSetting("customer.pick_up_days", 7, "How long a purchase waits in its box, in days", 3, 90),
        SystemSetting("locker.box_hold_days", 7, "How long a box is held for a package, in days", 1, 90),
        SystemSetting(
            "locker.max_deposit_wait_days",
            3,
            "How long a deposit waits for its collection below the threshold, in days",
            1,
            60,
        ),
        SystemSetting("auth.registration_open", True, "Whether new customers can register"),
    )
}


@dataclass
class _Copy:
    """The values and the time of their last read."""

    values: dict[str, Any] = field(default_factory=dict)
    read_at: float = float("-inf")

    def refresh(self) -> None:
        """Read the values again when the copy is old; the last known ones stay while ElastiCache is unavailable."""
        if time.monotonic() - self.read_at < CACHE_SECONDS:
            return
        self.read_at = time.monotonic()
        with suppress(RedisError):
            stored: Any = settings_client().hgetall(REDIS_KEY)
            self.values = {name: _parse(value) for name, value in stored.items()}


@per_process
def _copy() -> _Copy:
    return _Copy()


def setting(name: str) -> Any:
    """The current value of a setting. Raises KeyError for an unknown name, and nothing without ElastiCache."""
    known, copy = CATALOGUE[name], _copy()
    copy.refresh()
    value = copy.values.get(name, known.default)
    return value if known.accepts(value) else known.default


def _parse(value: str) -> Any:
    """A stored value; None, which no setting accepts, when it is not JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return None


def publish_settings(values: Mapping[str, Any]) -> None:
    """Copy settings to ElastiCache, for admin only. Raises RedisError when it is unavailable."""
    if values:
        settings_client().hset(REDIS_KEY, mapping={name: json.dumps(value) for name, value in values.items()})
    invalidate()


def invalidate() -> None:
    """Read the values again at the next use."""
    _copy().read_at = float("-inf")


def use_values(values: dict[str, Any]) -> None:
    """Use these values instead of those in ElastiCache (for tests)."""
    _copy.use(_Copy(values, float("inf")))
