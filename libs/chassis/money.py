"""Money: an integer amount of minor units with its currency (ISO 4217)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import parse_pattern
from iso4217 import Currency

from libs.chassis.event_types import Money as MoneyData
from libs.chassis.locales import DEFAULT_LOCALE, babel_locale

# Decimals of the minor unit (ISO 4217). Gold, XXX and the like have none and are no currency of prices. Babel's own
# numbers are those of cash: HUF without decimals, although an amount in HUF has two.
MINOR_UNIT_DIGITS: dict[str, int] = {
    currency.code: currency.exponent for currency in Currency if currency.exponent is not None
}
_LETTER_NEXT_TO_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def is_currency(code: str) -> bool:
    """Whether prices can be in the currency with this code, such as EUR."""
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

    def to_dict(self) -> MoneyData:
        return {"amount": self.amount, "currency": self.currency}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Money:
        return cls(int(value["amount"]), str(value["currency"]))

    def format(self, locale: str = DEFAULT_LOCALE) -> str:
        """The amount in the format of `locale` (BCP 47), such as `49,00 €`, with the currency's decimals.

        Each symbol is of one currency within a locale (`CA$` next to `$`). A space separates a number from a letter
        (CLDR's currencySpacing, which Babel does not implement).
        """
        reader = babel_locale(locale)
        pattern = parse_pattern(reader.currency_formats["standard"].pattern)
        pattern.frac_prec = (self._digits, self._digits)
        text = str(pattern.apply(self._number, reader, currency=self.currency, currency_digits=False))
        return _LETTER_NEXT_TO_DIGIT.sub("\N{NO-BREAK SPACE}", text)

    def __str__(self) -> str:
        """The amount with its currency code, such as `4,900.00 EUR`, independent of a locale."""
        return f"{self._number:,} {self.currency}"

    @property
    def _digits(self) -> int:
        return MINOR_UNIT_DIGITS.get(self.currency, 0)

    @property
    def _number(self) -> Decimal:
        return Decimal(self.amount).scaleb(-self._digits)


def sum_money(amounts: Iterable[Money], currency: str) -> Money:
    """The sum; zero of `currency` without amounts."""
    return sum(amounts, start=Money(0, currency))
