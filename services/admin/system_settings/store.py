"""System settings: stored in this service's database, and copied to ElastiCache, where all services read them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import audit, clock, logs
from libs.chassis.cache import RedisError
from libs.chassis.db import after_commit, session
from libs.chassis.problems import NotFound, Unprocessable
from libs.chassis.system_settings import CATALOGUE, CURRENCY, publish_settings
from services.admin.system_settings.currency_change import require_no_other_currency
from services.admin.system_settings.tables import SettingValue


class WrongValue(Unprocessable):
    slug, title = "wrong-setting-value", "The setting does not take that value"


def list_all() -> list[SettingValue]:
    """All settings of the catalogue, by name."""
    stored = {setting.name: setting for setting in session().scalars(select(SettingValue))}
    return [stored.get(name) or _default(name) for name in sorted(CATALOGUE)]


def get(name: str) -> SettingValue:
    """One setting; NotFound for an unknown one."""
    if name not in CATALOGUE:
        raise NotFound(f"there is no setting {name}")
    return session().get(SettingValue, name) or _default(name)


def _default(name: str) -> SettingValue:
    return SettingValue(name=name, value=CATALOGUE[name].default, version=0)


def put(setting: SettingValue, value: Any, by: str) -> None:
    """Change a setting; WrongValue for a value that the catalogue does not accept, CurrencyInUse."""
    definition, before = CATALOGUE[setting.name], setting.value
    if not definition.accepts(value):
        detail = f"expected {definition.expected}"
        raise WrongValue(detail, errors=[{"pointer": "/value", "detail": detail}])
    if setting.name == CURRENCY and value != before:
        require_no_other_currency(value)
    setting.value, setting.updated_at, setting.updated_by = value, clock.now(), by
    session().add(setting)
    session().flush()
    audit.record("put_system_setting", setting.name, before={"value": before}, after={"value": value})
    after_commit(lambda: _copy({definition.name: value}))


def copy_all() -> None:
    """Copy every setting to ElastiCache again, in case it was emptied or missed a change."""
    _copy({setting.name: setting.value for setting in list_all()})


def _copy(values: dict[str, Any]) -> None:
    try:
        publish_settings(values)
    except RedisError as error:
        logs.get_logger(__name__).warning("settings are copied later", reason=type(error).__name__)
