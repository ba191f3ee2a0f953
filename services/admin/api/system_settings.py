"""System settings."""

from __future__ import annotations

from typing import Any

from libs.chassis.etags import etag_of, require_match_if_sent
from libs.chassis.security import principal
from services.admin import settings_store
from services.admin.schemas import SettingSchema


def list_system_settings() -> dict[str, Any]:
    return {"items": SettingSchema(many=True).dump(settings_store.every()), "next_cursor": None}


def put_system_setting(name: str, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    before = settings_store.get(name)
    require_match_if_sent(before.version)
    changed = settings_store.put(before, body["value"], principal().subject)
    return SettingSchema().dump(changed), 200, {"ETag": etag_of(changed.version)}
