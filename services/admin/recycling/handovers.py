"""Handovers of bad clothes to recycling factories (story d-po-05)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict, Unprocessable
from libs.chassis.queries import get_row
from services.admin.packages.tables import Package
from services.admin.recycling.events import publish_handover
from services.admin.recycling.rules import require_recyclable
from services.admin.recycling.tables import Factory, Handover


class FactoryClosed(Conflict):
    slug, title = "factory-closed", "That factory takes nothing now"


class UnknownInHandover(Unprocessable):
    slug, title = "unknown-in-handover", "The handover names something that does not exist"


def record(handover_id: str, factory_id: str, package_ids: Sequence[str], note: str | None, by: str) -> Handover:
    """Record that bad packages left for a factory; idempotent for the same `handover_id`.

    Raises: UnknownInHandover, FactoryClosed, NotForRecycling.
    """
    existing = session().get(Handover, handover_id)
    if existing is not None:
        return existing
    factory = _require_active_factory(factory_id)
    packages = _lock_recyclable(package_ids)
    handover = Handover(
        id=handover_id,
        factory_id=factory.id,
        factory_name=factory.name,
        note=note,
        recorded_by=by,
        created_at=clock.now(),
    )
    session().add(handover)
    handover.packages = packages
    session().flush()
    order_ids = [package.order_id for package in packages]
    publish_handover(handover, order_ids)
    audit.record("record_handover", handover.id, after={"factory": factory.id, "orders": order_ids})
    return handover


def get(handover_id: str) -> Handover:
    return get_row(Handover, handover_id, "there is no such handover")


def _require_active_factory(factory_id: str) -> Factory:
    factory = session().get(Factory, factory_id)
    if factory is None:
        raise _unknown("/factory_id", "there is no such factory")
    if not factory.is_active:
        raise FactoryClosed(f"choose another factory than {factory.name}")
    return factory


def _lock_recyclable(package_ids: Sequence[str]) -> list[Package]:
    """Lock the packages, always in the same order so that two handovers cannot deadlock."""
    statement = select(Package).where(Package.id.in_(package_ids)).order_by(Package.id).with_for_update()
    packages = list(session().scalars(statement, execution_options={"populate_existing": True}))
    missing = set(package_ids) - {package.id for package in packages}
    if missing:
        position = next(at for at, package_id in enumerate(package_ids) if package_id in missing)
        raise _unknown(f"/package_ids/{position}", "there is no such package")
    for package in packages:
        require_recyclable(package)
    return packages


def _unknown(pointer: str, detail: str) -> UnknownInHandover:
    return UnknownInHandover(detail, errors=[{"pointer": pointer, "detail": detail}])
