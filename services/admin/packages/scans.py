"""Scan a tracking code, which advances the work order of its package."""

from __future__ import annotations

from sqlalchemy import select

from libs.chassis import audit
from libs.chassis.db import session
from libs.chassis.problems import Conflict, Forbidden, NotFound
from services.admin.packages import tracking_codes
from services.admin.packages.tables import Package
from services.admin.work import progress, work_orders
from services.admin.work.rules import ACTIVE_STATES
from services.admin.work.tables import IncludedOrder, WorkOrder


class UnknownCode(NotFound):
    slug, title = "unknown-code", "There is no package with that tracking code"


class NotAssignedToYou(Forbidden):
    slug, title = "not-assigned-to-you", "The package is in somebody else's work order"


class NothingToScanFor(Conflict):
    slug, title = "nothing-to-scan-for", "Nobody works on that package now"


class AlreadyScanned(Conflict):
    slug, title = "already-scanned", "That tracking code was scanned for this work order already"


def scan(typed: str, person_id: str) -> WorkOrder:
    """Scan one of the codes of a work order as its assignee, and return the work order.

    Raises: MistypedCode, UnknownCode, NothingToScanFor, NotAssignedToYou, AlreadyScanned.
    """
    code = tracking_codes.parse(typed)
    package = session().scalar(select(Package).where(Package.tracking_code == code))
    if package is None:
        raise UnknownCode(f"no package has the code {tracking_codes.for_people(code)}")
    newest = _newest_work_order_id(package.order_id)
    if newest is None:
        raise NothingToScanFor("no work order of the package is left")
    work_order = work_orders.lock(newest)
    if work_order.state not in ACTIVE_STATES:
        raise NothingToScanFor(f"its {work_order.kind} order is {work_order.state}")
    if work_order.assignee_id != person_id:
        raise NotAssignedToYou(f"its {work_order.kind} order is assigned to somebody else; ask a manager for it")
    order = work_order.get_order(package.order_id)
    if order.scanned_at is not None:
        raise AlreadyScanned(f"its {work_order.kind} order has it already; go on with the next package")
    progress.record_scan(work_order, order)
    audit.record("scan_tracking_code", work_order.id, after={"order_id": order.order_id})
    return work_order


def _newest_work_order_id(order_id: str) -> str | None:
    """The newest work order that includes an order from which it was not removed."""
    return session().scalar(
        select(WorkOrder.id)
        .join(IncludedOrder, IncludedOrder.work_order_id == WorkOrder.id)
        .where(IncludedOrder.order_id == order_id, IncludedOrder.removed_at.is_(None))
        .order_by(WorkOrder.created_at.desc(), WorkOrder.id.desc())
        .limit(1)
    )
