"""The locker service's settings: only what all services have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from libs.chassis.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class LockerSettings(ServiceSettings):
    service: ClassVar[str] = "locker"
