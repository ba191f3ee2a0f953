"""The locker service's own settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from environs import Env

from libs.chassis.settings import ServiceSettings, settings_as


@dataclass(frozen=True, kw_only=True)
class LockerSettings(ServiceSettings):
    """`code_secret`: the secret from which the keys for codes are derived. `grant_key_file`: a P-256 key in PEM."""

    service: ClassVar[str] = "locker"

    code_secret: str = field(repr=False)
    grant_key_file: Path

    @classmethod
    def read_own(cls, env: Env) -> dict[str, Any]:
        return {
            "code_secret": env.str("LOCKER_CODE_SECRET"),
            "grant_key_file": Path(env.str("LOCKER_GRANT_KEY_FILE") or "."),
        }


def locker_settings() -> LockerSettings:
    return settings_as(LockerSettings)
