"""Packages: one for each order, made by whoever collects or packs it, known by its tracking code."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import NotFound
from services.admin import tracking_codes
from services.admin.models import OrderAtWork, Package, WorkOrder
from services.admin.work_orders import AT_WORK

MADE_WHILE = ("collecting", "packing")


def create(package_id: str, order_id: str, person_id: str) -> Package:
    """The package of an order that the person collects or packs: the same one, however often it is asked for.

    NotFound for an order that is not theirs to pack.
    """
    if not _is_at_work(order_id, person_id, MADE_WHILE):
        raise NotFound("you have no such order to collect or to pack")
    known = find_of(order_id)
    if known is not None:
        return known
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


def find_of(order_id: str) -> Package | None:
    return session().scalar(select(Package).where(Package.order_id == order_id))


def get_visible(package_id: str, person_id: str, *, sees_all: bool) -> Package:
    """A package that the person works on, or any one; NotFound otherwise."""
    package = session().get(Package, package_id)
    if package is None or not (sees_all or _is_at_work(package.order_id, person_id)):
        raise NotFound("there is no such package")
    return package


def bad(*, handed_over: bool) -> Select[Any]:
    """The packages that were checked as bad, gone or still here."""
    gone = Package.hand_over_id.is_not(None) if handed_over else Package.hand_over_id.is_(None)
    return select(Package).where(Package.result == "bad", gone)


def _is_at_work(order_id: str, person_id: str, kinds: tuple[str, ...] | None = None) -> bool:
    wanted = (
        select(WorkOrder.id)
        .join(OrderAtWork, OrderAtWork.work_order_id == WorkOrder.id)
        .where(
            OrderAtWork.order_id == order_id,
            OrderAtWork.dropped_at.is_(None),
            WorkOrder.assignee_id == person_id,
            WorkOrder.state.in_(AT_WORK),
        )
    )
    if kinds is not None:
        wanted = wanted.where(WorkOrder.kind.in_(kinds))
    return session().scalar(wanted.limit(1)) is not None
