"""Scanning a tracking code, which moves the work order of its package on."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.problems import Conflict, Forbidden, NotFound
from services.admin import tracking_codes, work_orders, work_steps
from services.admin.models import OrderAtWork, Package, WorkOrder
from services.admin.work_orders import AT_WORK


class UnknownCode(NotFound):
    slug, title = "unknown-code", "There is no package with that tracking code"


class NotAssignedToYou(Forbidden):
    slug, title = "not-assigned-to-you", "The package is in somebody else's work order"


class NothingToScanFor(Conflict):
    slug, title = "nothing-to-scan-for", "Nobody is at work on that package now"


class AlreadyScanned(Conflict):
    slug, title = "already-scanned", "That tracking code was scanned for this work order already"


def scan(typed: str, person_id: str) -> WorkOrder:
    """The work order after the scan of one of its codes by its assignee.

    MistypedCode, UnknownCode, NothingToScanFor, NotAssignedToYou, AlreadyScanned.
    """
    code = tracking_codes.read(typed)
    package = session().scalar(select(Package).where(Package.tracking_code == code))
    if package is None:
        raise UnknownCode(f"no package has the code {tracking_codes.for_people(code)}")
    newest = _newest_of(package.order_id)
    if newest is None:
        raise NothingToScanFor("no work order of the package is left")
    work_order = work_orders.locked(newest)
    if work_order.state not in AT_WORK:
        raise NothingToScanFor(f"its {work_order.kind} order is {work_order.state}")
    if work_order.assignee_id != person_id:
        raise NotAssignedToYou(f"its {work_order.kind} order is assigned to somebody else; ask a manager for it")
    [order] = [order for order in work_order.orders if order.order_id == package.order_id]
    if order.scanned_at is not None:
        raise AlreadyScanned(f"its {work_order.kind} order has it already; go on with the next package")
    work_steps.scanned(work_order, order)
    audit.record("scan_tracking_code", work_order.id, after={"order_id": order.order_id})
    return work_order


def _newest_of(order_id: str) -> str | None:
    """The newest work order that an order is in and was not dropped from."""
    return session().scalar(
        select(WorkOrder.id)
        .join(OrderAtWork, OrderAtWork.work_order_id == WorkOrder.id)
        .where(OrderAtWork.order_id == order_id, OrderAtWork.dropped_at.is_(None))
        .order_by(WorkOrder.created_at.desc(), WorkOrder.id.desc())
        .limit(1)
    )
