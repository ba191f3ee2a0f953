"""Settings of the shopping service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from environs import Env

from libs.chassis.settings import ServiceSettings, settings_as


@dataclass(frozen=True, kw_only=True)
class ShoppingSettings(ServiceSettings):
    """`photo_base_url` is the prefix of a photo's public URL (CloudFront; locally the emulator)."""

    service: ClassVar[str] = "shopping"

    photo_bucket: str
    photo_base_url: str

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        return {
            "photo_bucket": env.str("SHOPPING_PHOTO_BUCKET"),
            "photo_base_url": env.str("SHOPPING_PHOTO_BASE_URL"),
        }


def shopping_settings() -> ShoppingSettings:
    return settings_as(ShoppingSettings)
