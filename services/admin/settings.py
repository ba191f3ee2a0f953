"""The admin service's own settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from environs import Env

from libs.chassis.settings import ServiceSettings, settings_as


@dataclass(frozen=True, kw_only=True)
class AdminSettings(ServiceSettings):
    """`photo_bucket` has the photos of checks, which are not public."""

    service: ClassVar[str] = "admin"

    photo_bucket: str

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        return {"photo_bucket": env.str("ADMIN_PHOTO_BUCKET")}


def admin_settings() -> AdminSettings:
    return settings_as(AdminSettings)
