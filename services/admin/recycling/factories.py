"""Recycling factories."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis import audit, clock, email_addresses
from libs.chassis.db import session
from libs.chassis.problems import Conflict
from libs.chassis.queries import get_row
from services.admin.recycling.tables import Factory


class NameTaken(Conflict):
    slug, title = "name-taken", "Another factory has that name"


def create(factory_id: str, name: str, address: str, email: str | None) -> Factory:
    """Create an active factory; NameTaken. Idempotent for the same `factory_id`."""
    existing = session().get(Factory, factory_id)
    if existing is not None:
        return existing
    _require_free_name(name, factory_id)
    normalized = email_addresses.require_valid(email) if email is not None else None
    factory = Factory(
        id=factory_id, name=name, address=address, email=normalized, is_active=True, created_at=clock.now()
    )
    session().add(factory)
    session().flush()
    audit.record("create_factory", factory.id, after=_audited(factory))
    return factory


def get(factory_id: str) -> Factory:
    return get_row(Factory, factory_id, "there is no such factory")


def update(factory: Factory, changes: dict[str, Any]) -> Factory:
    """Set the fields that `changes` has; NameTaken."""
    before = _audited(factory)
    if "name" in changes:
        _require_free_name(changes["name"], factory.id)
    if changes.get("email") is not None:
        changes = changes | {"email": email_addresses.require_valid(changes["email"])}
    for name in ("name", "address", "email", "is_active"):
        if name in changes:
            setattr(factory, name, changes[name])
    session().flush()
    audit.record("update_factory", factory.id, before=before, after=_audited(factory))
    return factory


def _require_free_name(name: str, factory_id: str) -> None:
    other = session().scalar(select(Factory.id).where(Factory.name == name, Factory.id != factory_id))
    if other is not None:
        raise NameTaken(f"{other} has the name {name}")


def _audited(factory: Factory) -> dict[str, Any]:
    return {"name": factory.name, "address": factory.address, "is_active": factory.is_active}
