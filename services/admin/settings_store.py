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
from libs.chassis.system_settings import CATALOGUE, SystemSetting, publish_settings
from services.admin.models import StoredSetting


class WrongValue(Unprocessable):
    slug, title = "wrong-setting-value", "The setting does not take that value"


@dataclass(frozen=True)
class SettingNow:
    """A setting with its present value."""

    known: SystemSetting
    value: Any
    updated_at: datetime | None = None
    updated_by: str | None = None


def every() -> list[SettingNow]:
    """All settings of the catalogue, by name."""
    stored = {row.name: row for row in session().scalars(select(StoredSetting))}
    return [_now(known, stored.get(name)) for name, known in sorted(CATALOGUE.items())]


def _now(known: SystemSetting, row: StoredSetting | None) -> SettingNow:
    if row is None:
        return SettingNow(known, known.default)
    return SettingNow(known, row.value, row.updated_at, row.updated_by)


def put(name: str, value: Any, by: str) -> SettingNow:
    """Change a setting; NotFound for an unknown one, WrongValue for another type than its default's."""
    known = CATALOGUE.get(name)
    if known is None:
        raise NotFound(f"there is no setting {name}")
    if not known.accepts(value):
        expected = {bool: "true or false", int: "a whole number, not negative", str: "a text"}
        detail = f"expected {expected[type(known.default)]}"
        raise WrongValue(detail, errors=[{"pointer": "/value", "detail": detail}])
    row = session().get(StoredSetting, name)
    before = row.value if row else known.default
    if row is None:
        row = StoredSetting(name=name, value=value, updated_at=clock.now(), updated_by=by)
        session().add(row)
    row.value, row.updated_at, row.updated_by = value, clock.now(), by
    audit.record("put_system_setting", name, before={"value": before}, after={"value": value})
    after_commit(lambda: _copy({name: value}))
    return _now(known, row)


def copy_all() -> None:
    """Copy every stored setting again, so that an emptied ElastiCache has them back."""
    _copy({row.name: row.value for row in session().scalars(select(StoredSetting))})


def _copy(values: dict[str, Any]) -> None:
    try:
        publish_settings(values)
    except RedisError as error:
        logs.get_logger(__name__).warning("settings are copied later", reason=type(error).__name__)
