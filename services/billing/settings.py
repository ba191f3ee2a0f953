"""The billing service's own settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from environs import Env

from libs.chassis.settings import ServiceSettings, settings_as


@dataclass(frozen=True, kw_only=True)
class BillingSettings(ServiceSettings):
    """`stripe_api_base` is where this service reaches the provider, `stripe_public_api_base` where browsers do."""

    service: ClassVar[str] = "billing"

    stripe_api_key: str = field(repr=False)
    stripe_publishable_key: str
    stripe_api_base: str
    stripe_public_api_base: str
    stripe_webhook_secret: str = field(repr=False)

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        with env.prefixed("BILLING_STRIPE_"):
            return {
                "stripe_api_key": env.str("API_KEY"),
                "stripe_publishable_key": env.str("PUBLISHABLE_KEY"),
                "stripe_api_base": env.str("API_BASE", "https://api.stripe.com"),
                "stripe_public_api_base": env.str("PUBLIC_API_BASE", "https://api.stripe.com"),
                "stripe_webhook_secret": env.str("WEBHOOK_SECRET"),
            }


def billing_settings() -> BillingSettings:
    return settings_as(BillingSettings)
