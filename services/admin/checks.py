"""The result of a check: one for all that is in a package, or one for each piece of a return (stories d-po-02,
rb-r-po-01).

A package is bad when a piece of it is. What is good leaves it for the shelf, the rest for the recycling factory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.chassis import audit, clock
from libs.chassis.problems import Conflict, Unprocessable
from services.admin import check_photos, known_returns, work_orders, work_steps
from services.admin.models import WorkOrder


class ResultOrProducts(Unprocessable):
    slug, title = "result-or-products", "Say the result of all, or of each product"


class WrongProducts(Unprocessable):
    slug, title = "wrong-products", "The results do not fit what is in the package"


class ContentsUnknown(Conflict):
    slug, title = "contents-unknown", "What is in this return is not known yet"


@dataclass(frozen=True)
class ProductCheck:
    """What the check of one product gave: `good`, or `bad` and why."""

    product_id: str
    result: str
    reason: str | None = None


@dataclass(frozen=True)
class Check:
    """What a check gave: `result` for all that is in the package, or `products`."""

    result: str | None = None
    products: Sequence[ProductCheck] = field(default_factory=tuple)
    notes: str | None = None
    photo_ids: Sequence[str] = field(default_factory=tuple)


def record(work_order_id: str, person_id: str, check: Check) -> WorkOrder:
    """The result of an own checking order.

    IllegalTransition, CodesMissing, ResultOrProducts, WrongProducts, ContentsUnknown, and the errors of photos.
    """
    work_order = work_orders.lock_own("checking", work_order_id, person_id)
    work_steps.refuse_unless_scanned(work_order)
    result = overall_result(check)
    if check.products:
        _note_products(work_order, check.products)
    else:
        _note_whole(work_order, check.result)
    check_photos.take(work_order, check.photo_ids)
    work_order.result, work_order.notes = result, check.notes
    for order in work_order.live_orders:
        if order.package is not None:
            order.package.result, order.package.checked_at = result, clock.now()
    work_steps.end_as_done(work_order)
    audit.record("record_check", work_order.id, after=_told(result, check.products))
    return work_order


def overall_result(check: Check) -> str:
    """`good`, or `bad` when one piece is; ResultOrProducts unless exactly one of the two is given."""
    if (check.result is None) == (not check.products):
        detail = "send `result`, or `products` for a return"
        raise ResultOrProducts(detail, errors=[{"pointer": "", "detail": detail}])
    return check.result or ("bad" if any(one.result == "bad" for one in check.products) else "good")


def _told(result: str, products: Sequence[ProductCheck]) -> dict[str, object]:
    if not products:
        return {"result": result}
    return {"result": result, "products": {one.product_id: one.result for one in products}}


def _note_whole(work_order: WorkOrder, result: str | None) -> None:
    """All pieces of a return have the result of the whole."""
    for order in work_order.live_orders:
        if order.order_id.startswith("rbo_"):
            contents = known_returns.contents_of(order.order_id) or ()
            order.contents = [piece | {"result": result, "reason": None} for piece in contents]


def _note_products(work_order: WorkOrder, products: Sequence[ProductCheck]) -> None:
    order = work_order.live_orders[0]
    if len(work_order.live_orders) > 1 or not order.order_id.startswith("rbo_"):
        detail = "only the return of a purchase is checked piece by piece; send `result`"
        raise WrongProducts(detail, errors=[{"pointer": "/products", "detail": detail}])
    contents = known_returns.contents_of(order.order_id)
    if contents is None:
        raise ContentsUnknown("try again in a moment, or send `result`")
    refuse_wrong_products([piece["product_id"] for piece in contents], products)
    checks = {one.product_id: {"result": one.result, "reason": one.reason} for one in products}
    order.contents = [piece | checks[piece["product_id"]] for piece in contents]


def refuse_wrong_products(in_return: Sequence[str], products: Sequence[ProductCheck]) -> None:
    """WrongProducts unless each product of the return has one result, and each bad one a reason."""
    errors, seen = [], set[str]()
    for place, one in enumerate(products):
        if one.product_id not in in_return or one.product_id in seen:
            detail = "said twice" if one.product_id in seen else "not in this return"
            errors.append({"pointer": f"/products/{place}/product_id", "detail": detail})
        elif one.result == "bad" and one.reason is None:
            errors.append({"pointer": f"/products/{place}/reason", "detail": "say why it is bad"})
        seen.add(one.product_id)
    missing = [product_id for product_id in in_return if product_id not in seen]
    errors += [{"pointer": "/products", "detail": f"{product_id} is missing"} for product_id in missing]
    if errors:
        raise WrongProducts(errors=errors)
