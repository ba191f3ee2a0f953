"""System settings."""

from __future__ import annotations

from typing import Any

from libs.chassis.etags import etag_of, require_match_if_sent
from libs.chassis.security import principal
from services.admin.system_settings import store
from services.admin.system_settings.schemas import SystemSettingSchema


def list_system_settings() -> dict[str, Any]:
    return {"items": SystemSettingSchema(many=True).dump(store.list_all()), "next_cursor": None}


def put_system_setting(name: str, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    setting = store.get(name)
    require_match_if_sent(setting.version)
    store.put(setting, body["value"], principal().subject)
    return SystemSettingSchema().dump(setting), 200, {"ETag": etag_of(setting.version)}
