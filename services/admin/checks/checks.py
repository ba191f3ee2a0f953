"""Record the result of a check (stories d-po-02, rb-r-po-01).

Good clothes go from the package to the shelf, bad ones to the recycling factory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from libs.chassis import audit, clock
from libs.chassis.problems import Conflict
from services.admin.checks import photos
from services.admin.checks.rules import Check, ProductCheck, WrongProducts, overall_result, validate_products
from services.admin.returns import returns
from services.admin.work import progress, work_orders
from services.admin.work.rules import require_finishable
from services.admin.work.tables import WorkOrder


class ContentsUnknown(Conflict):
    slug, title = "contents-unknown", "What is in this return is not known yet"


def record(work_order_id: str, person_id: str, check: Check) -> WorkOrder:
    """Record the result of an own checking order, which ends it.

    Raises: IllegalTransition, CodesMissing, ResultOrProducts, WrongProducts, ContentsUnknown, and errors of photos.
    """
    work_order = work_orders.lock_own("checking", work_order_id, person_id)
    require_finishable(work_order)
    result = overall_result(check)
    if check.products:
        _store_product_results(work_order, check.products)
    else:
        _store_same_result(work_order, check.result)
    photos.attach(work_order, check.photo_ids)
    work_order.result, work_order.notes = result, check.notes
    for order in work_order.remaining_orders:
        if order.package is not None:
            order.package.result, order.package.checked_at = result, clock.now()
    progress.complete(work_order)
    after: dict[str, Any] = {"result": result}
    if check.products:
        after["products"] = {product.product_id: product.result for product in check.products}
    audit.record("record_check", work_order.id, after=after)
    return work_order


def _store_same_result(work_order: WorkOrder, result: str | None) -> None:
    """Give all products of a return the result of the package."""
    for order in work_order.remaining_orders:
        if order.order_id.startswith("rbo_"):
            contents = returns.find_contents(order.order_id) or ()
            order.contents = [product | {"result": result, "reason": None} for product in contents]


def _store_product_results(work_order: WorkOrder, products: Sequence[ProductCheck]) -> None:
    order = work_order.remaining_orders[0]
    if len(work_order.remaining_orders) > 1 or not order.order_id.startswith("rbo_"):
        detail = "only the return of a buying order is checked product by product; send `result`"
        raise WrongProducts(detail, errors=[{"pointer": "/products", "detail": detail}])
    contents = returns.find_contents(order.order_id)
    if contents is None:
        raise ContentsUnknown("try again in a moment, or send `result`")
    validate_products([product["product_id"] for product in contents], products)
    checks = {check.product_id: {"result": check.result, "reason": check.reason} for check in products}
    order.contents = [product | checks[product["product_id"]] for product in contents]
