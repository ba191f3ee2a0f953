"""System settings."""

from __future__ import annotations

from typing import Any

from libs.chassis.security import principal
from services.admin import settings_store
from services.admin.schemas import SettingSchema


def list_system_settings() -> dict[str, Any]:
    return {"items": SettingSchema(many=True).dump(settings_store.every()), "next_cursor": None}


def put_system_setting(name: str, body: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = SettingSchema().dump(settings_store.put(name, body["value"], principal().subject))
    return changed
