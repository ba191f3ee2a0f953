"""System settings: this service's database is the truth, ElastiCache the copy that all services read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from libs.chassis import audit, clock, logs
from libs.chassis.cache import RedisError
from libs.chassis.db import after_commit, session
from libs.chassis.problems import NotFound, Unprocessable
from libs.chassis.system_settings import CATALOGUE, CURRENCY, SystemSetting, publish_settings
from services.admin import currency_change
from services.admin.models import StoredSetting


class WrongValue(Unprocessable):
    slug, title = "wrong-setting-value", "The setting does not take that value"


@dataclass(frozen=True)
class SettingNow:
    """A setting with its present value; `version` counts its changes."""

    known: SystemSetting
    value: Any
    updated_at: datetime | None = None
    updated_by: str | None = None
    version: int = 0


def every() -> list[SettingNow]:
    """All settings of the catalogue, by name."""
    stored = {row.name: row for row in session().scalars(select(StoredSetting))}
    return [_now(known, stored.get(name)) for name, known in sorted(CATALOGUE.items())]


def get(name: str) -> SettingNow:
    """One setting; NotFound for an unknown one."""
    known = CATALOGUE.get(name)
    if known is None:
        raise NotFound(f"there is no setting {name}")
    return _now(known, session().get(StoredSetting, name))


def _now(known: SystemSetting, row: StoredSetting | None) -> SettingNow:
    if row is None:
        return SettingNow(known, known.default)
    return SettingNow(known, row.value, row.updated_at, row.updated_by, row.version)


def put(before: SettingNow, value: Any, by: str) -> SettingNow:
    """Change a setting from what it was; WrongValue for what its catalogue entry does not accept, CurrencyInUse."""
    known = before.known
    if not known.accepts(value):
        detail = f"expected {known.expected}"
        raise WrongValue(detail, errors=[{"pointer": "/value", "detail": detail}])
    if known.name == CURRENCY and value != before.value:
        currency_change.refuse_while_another_is_stored(value)
    row = session().get(StoredSetting, known.name)
    if row is None:
        row = StoredSetting(name=known.name)
        session().add(row)
    row.value, row.updated_at, row.updated_by = value, clock.now(), by
    session().flush()
    audit.record("put_system_setting", known.name, before={"value": before.value}, after={"value": value})
    after_commit(lambda: _copy({known.name: value}))
    return _now(known, row)


def copy_all() -> None:
    """Copy every setting again, so that an ElastiCache that is empty or has old values gets the truth."""
    _copy({setting.known.name: setting.value for setting in every()})


def _copy(values: dict[str, Any]) -> None:
    try:
        publish_settings(values)
    except RedisError as error:
        logs.get_logger(__name__).warning("settings are copied later", reason=type(error).__name__)
