"""System settings: stored in this service's database, and copied to ElastiCache, where all services read them."""

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
from services.admin.system_settings.currency_change import require_no_other_currency
from services.admin.system_settings.tables import StoredSetting


class WrongValue(Unprocessable):
    slug, title = "wrong-setting-value", "The setting does not take that value"


@dataclass(frozen=True)
class CurrentSetting:
    """A setting with its present value; `version` counts its changes."""

    definition: SystemSetting
    value: Any
    updated_at: datetime | None = None
    updated_by: str | None = None
    version: int = 0


def list_all() -> list[CurrentSetting]:
    """All settings of the catalogue, by name."""
    stored = {row.name: row for row in session().scalars(select(StoredSetting))}
    return [_current(definition, stored.get(name)) for name, definition in sorted(CATALOGUE.items())]


def get(name: str) -> CurrentSetting:
    """One setting; NotFound for an unknown one."""
    definition = CATALOGUE.get(name)
    if definition is None:
        raise NotFound(f"there is no setting {name}")
    return _current(definition, session().get(StoredSetting, name))


def _current(definition: SystemSetting, row: StoredSetting | None) -> CurrentSetting:
    if row is None:
        return CurrentSetting(definition, definition.default)
    return CurrentSetting(definition, row.value, row.updated_at, row.updated_by, row.version)


def put(before: CurrentSetting, value: Any, by: str) -> CurrentSetting:
    """Change a setting; WrongValue for a value that its definition does not accept, CurrencyInUse."""
    definition = before.definition
    if not definition.accepts(value):
        detail = f"expected {definition.expected}"
        raise WrongValue(detail, errors=[{"pointer": "/value", "detail": detail}])
    if definition.name == CURRENCY and value != before.value:
        require_no_other_currency(value)
    row = session().get(StoredSetting, definition.name)
    if row is None:
        row = StoredSetting(name=definition.name)
        session().add(row)
    row.value, row.updated_at, row.updated_by = value, clock.now(), by
    session().flush()
    audit.record("put_system_setting", definition.name, before={"value": before.value}, after={"value": value})
    after_commit(lambda: _copy({definition.name: value}))
    return _current(definition, row)


def copy_all() -> None:
    """Copy every setting to ElastiCache again, in case it was emptied or missed a change."""
    _copy({setting.definition.name: setting.value for setting in list_all()})


def _copy(values: dict[str, Any]) -> None:
    try:
        publish_settings(values)
    except RedisError as error:
        logs.get_logger(__name__).warning("settings are copied later", reason=type(error).__name__)
