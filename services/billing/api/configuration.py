"""What a front end needs to hand a card to the payment provider, and the currencies of stored amounts."""

from __future__ import annotations

from typing import Any

from libs.chassis.system_settings import CURRENCY, setting
from services.billing import currencies
from services.billing.settings import billing_settings


def get_payment_configuration() -> dict[str, Any]:
    chosen = billing_settings()
    return {
        "provider": "stripe",
        "publishable_key": chosen.stripe_publishable_key,
        "api_base": chosen.stripe_public_api_base,
        "coin_value": {"amount": setting("billing.coin_value"), "currency": setting(CURRENCY)},
    }


def get_amount_currencies() -> dict[str, list[str]]:
    return {"currencies": currencies.stored()}
