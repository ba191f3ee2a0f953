"""Money: an integer amount of minor units with its currency (ISO 4217)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from iso4217 import Currency

# Decimals of the minor unit (ISO 4217). Gold, XXX and the like have none and are no currency of prices. Babel's own
# numbers are those of cash: HUF without decimals, although an amount in HUF has two.
MINOR_UNIT_DIGITS: dict[str, int] = {
    currency.code: currency.exponent for currency in Currency if currency.exponent is not None
}
DEFAULT_LOCALE = "en"


def is_currency(code: str) -> bool:
    """Whether a text is the code of a currency that prices can be in, such as EUR."""
    return code in MINOR_UNIT_DIGITS


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

    def format(self, locale: str = DEFAULT_LOCALE) -> str:
        """The amount with the currency's number of decimals as a reader of `locale` writes it, and the code.

        The code and not the sign, because $ is the sign of several currencies. The amount of an unknown currency,
        which only an old row can have, is written in minor units.
        """
        digits = MINOR_UNIT_DIGITS.get(self.currency, 0)
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        number = Decimal(self.amount).scaleb(-digits)
        return f"{format_decimal(number, format=pattern, locale=locale)} {self.currency}"

    def __str__(self) -> str:
        return self.format()


def sum_money(amounts: Iterable[Money], currency: str) -> Money:
    """The sum; zero of `currency` when there is nothing to add."""
    return sum(amounts, start=Money(0, currency))
