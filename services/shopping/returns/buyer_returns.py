"""What becomes of sold products whose order is cancelled or which the buyer returns (stories rb-c-01, rb-r-po-*).

Each change applies only to products that are still sold to that order, so it is idempotent, and a late event
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.shopping.holds import hold_store
from services.shopping.products import product_store
from services.shopping.products.product_changes import change
from services.shopping.products.product_outbox import PUBLISHED, WITHDRAWN
from services.shopping.products.rules import LIFECYCLE, ProductState, Transition


def resell(order_id: str, product_ids: Iterable[str]) -> None:
    """Publish again the products of a cancelled order that are still in the warehouse."""
    for product in product_store.list_sold_to(order_id, product_ids):
        state = product.state_after(Transition.RESELL)
        change(product, set_fields={"state": str(state)}, unset_fields=["hold"], event_type=PUBLISHED)


def end_sale(order_id: str, product_ids: Iterable[str], ended_by: str) -> None:
    """Let staff resume the products as drafts once they are in the warehouse.

    `ended_by` is the return, or the cancelled order, with which they come back.
    """
    for product in product_store.list_sold_to(order_id, product_ids):
        if product.sale_ended_by != ended_by:
            change(product, set_fields={"sale_ended_by": ended_by})


def recycle_sold(order_id: str, product_ids: Iterable[str]) -> None:
    """Recycle products that were checked as bad, once the refund is decided."""
    for product in product_store.list_sold_to(order_id, product_ids):
        change(product, set_fields={"state": str(product.state_after(Transition.RECYCLE))})


def recycle_package(order_id: str) -> None:
    """Recycle the products of a cancelled order whose package was checked as bad."""
    hold = hold_store.find_hold(order_id)
    recycle_bad(order_id, hold.product_ids if hold else ())


def recycle_bad(order_id: str, product_ids: Iterable[str]) -> None:
    """Recycle bad products of an order whose money is refunded, even if they are on sale again.

    A product that another buyer has held or bought since stays as it is: its packing order reports it as missing.
    """
    for product in product_store.find_products(product_ids).values():
        is_of_another_order = product.hold is not None and product.hold.order_id != order_id
        if LIFECYCLE.allows(product.state, Transition.RECYCLE) and not is_of_another_order:
            event_type = WITHDRAWN if product.state is ProductState.PUBLISHED else None
            state = product.state_after(Transition.RECYCLE)
            change(product, set_fields={"state": str(state)}, event_type=event_type)
