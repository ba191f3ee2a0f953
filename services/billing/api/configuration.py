"""What a front end needs to hand a card to the payment provider."""

from __future__ import annotations

from services.billing.settings import billing_settings


def get_payment_configuration() -> dict[str, str]:
    chosen = billing_settings()
    return {
        "provider": "stripe",
        "publishable_key": chosen.stripe_publishable_key,
        "api_base": chosen.stripe_public_api_base,
    }
