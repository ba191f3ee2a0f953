"""Packages: one for each order, created by whoever collects or packs it, identified by its tracking code."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.admin.packages import tracking_codes
from services.admin.packages.tables import Package
from services.admin.work.rules import ACTIVE_STATES, KINDS
from services.admin.work.tables import IncludedOrder, WorkOrder

CREATED_BY_KINDS = ("collecting", "packing")


def create(package_id: str, order_id: str, person_id: str) -> Package:
    """Create the package of an order that the person collects or packs, or return the existing one.

    Raises: NotFound for an order that is not in an own work order.
    """
    if not _works_on(order_id, person_id, CREATED_BY_KINDS):
        raise NotFound("you have no such order to collect or to pack")
    existing = find_by_order(order_id)
    if existing is not None:
        return existing
    package = Package(
        id=package_id,
        order_id=order_id,
        tracking_code=tracking_codes.new_code(),
        created_at=clock.now(),
        created_by=person_id,
    )
    session().add(package)
    session().flush()
    audit.record("create_package", package.id, after={"order_id": order_id})
    return package


def find_by_order(order_id: str) -> Package | None:
    return session().scalar(select(Package).where(Package.order_id == order_id))


def get_visible(package_id: str, person_id: str, *, sees_all: bool) -> Package:
    """A package that the person works on, or any one with `sees_all`; NotFound."""
    package = session().get(Package, package_id)
    if package is None or not (sees_all or _works_on(package.order_id, person_id, KINDS)):
        raise NotFound("there is no such package")
    return package


def select_bad(*, is_handed_over: bool) -> Select[Any]:
    """The packages that were checked as bad: those that left for a factory, or those still in the warehouse."""
    handed_over = Package.handover_id.is_not(None) if is_handed_over else Package.handover_id.is_(None)
    return select(Package).where(Package.result == "bad", handed_over)


def _works_on(order_id: str, person_id: str, kinds: tuple[str, ...]) -> bool:
    active = (
        select(WorkOrder.id)
        .join(IncludedOrder, IncludedOrder.work_order_id == WorkOrder.id)
        .where(
            IncludedOrder.order_id == order_id,
            IncludedOrder.removed_at.is_(None),
            WorkOrder.assignee_id == person_id,
            WorkOrder.state.in_(ACTIVE_STATES),
            WorkOrder.kind.in_(kinds),
        )
    )
    return session().scalar(active.limit(1)) is not None
