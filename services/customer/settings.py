"""The customer service's own settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from environs import Env

from libs.chassis.settings import ServiceSettings, settings_as


@dataclass(frozen=True, kw_only=True)
class CustomerSettings(ServiceSettings):
    """`photo_bucket` has the photos of donations, which are not public."""

    service: ClassVar[str] = "customer"

    photo_bucket: str

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        return {"photo_bucket": env.str("CUSTOMER_PHOTO_BUCKET")}


def customer_settings() -> CustomerSettings:
    return settings_as(CustomerSettings)
