"""Whether the currency of the platform can change, which depends on what shopping and billing have stored."""

from __future__ import annotations

from libs.chassis.problems import Conflict
from libs.chassis.service_client import peer


class CurrencyInUse(Conflict):
    slug, title = "currency-in-use", "The currency cannot change while amounts in another one are stored"


def require_no_other_currency(currency: str) -> None:
    """CurrencyInUse names the other currencies; ServiceUnavailable while shopping or billing does not respond."""
    prices: list[str] = peer("shopping").get("/shopping/v1/currencies").json()["currencies"]
    amounts: list[str] = peer("billing").get("/billing/v1/currencies").json()["currencies"]
    others = sorted({*prices, *amounts} - {currency})
    if others:
        stored = [name for name, used in (("prices", prices), ("payments", amounts)) if set(used) & set(others)]
        raise CurrencyInUse(f"there are {' and '.join(stored)} in {', '.join(others)}")
