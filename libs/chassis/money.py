"""Money: an integer amount of minor units (cents) with its currency."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Money:
    """An amount in minor units of an ISO 4217 currency; amounts of two currencies never mix."""

    amount: int
    currency: str

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def to_dict(self) -> dict[str, Any]:
        return {"amount": self.amount, "currency": self.currency}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Money:
        return cls(int(value["amount"]), str(value["currency"]))

    def __str__(self) -> str:
        sign, units = ("-", -self.amount) if self.amount < 0 else ("", self.amount)
        return f"{sign}{units // 100}.{units % 100:02d} {self.currency}"


def sum_money(amounts: Iterable[Money], currency: str) -> Money:
    """The sum; zero of `currency` when there is nothing to add."""
    return sum(amounts, start=Money(0, currency))
