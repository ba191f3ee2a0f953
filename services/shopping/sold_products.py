"""What becomes of sold products when their order is cancelled, or when they come back (stories rb-c-01, rb-r-po-*).

Each is a change of what is sold to this very order: repeated, or heard late, it finds nothing to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.shopping import announcements, hold_store, product_store
from services.shopping.products import (
    Document,
    Move,
    Product,
    ProductChangedMeanwhile,
    ProductState,
    legal_origins,
)


def sell_again(order_id: str, product_ids: Iterable[str]) -> None:
    """The order was cancelled and its products are in the warehouse: they are on sale again."""
    for product in product_store.products_sold_to(order_id, product_ids):
        entries = [announcements.event_entry(announcements.PUBLISHED)]
        fields = {"state": str(product.after(Move.SELL_AGAIN))}
        _change(product, fields, unset_fields=["hold"], entries=entries)


def came_back(order_id: str, product_ids: Iterable[str], return_id: str) -> None:
    """Their sale is over and they were checked as good, or are not in the warehouse yet: staff may resume them as
    drafts once they have them. `return_id` is the return, or the order, with which they come back."""
    for product in product_store.products_sold_to(order_id, product_ids):
        if product.came_back_with != return_id:
            _change(product, {"came_back_with": return_id})


def recycle(order_id: str, product_ids: Iterable[str]) -> None:
    """Checked as bad, and the refund is decided: nobody wears it again."""
    for product in product_store.products_sold_to(order_id, product_ids):
        _change(product, {"state": str(product.after(Move.RECYCLE))})


def package_came_back_bad(order_id: str) -> None:
    """The package of a cancelled order was checked as bad: nobody wears what was in it."""
    hold = hold_store.find_hold(order_id)
    found_bad(order_id, hold.product_ids if hold else ())


def found_bad(order_id: str, product_ids: Iterable[str]) -> None:
    """What was sold to an order that has its money back is found, and bad: it is recycled, on sale again or not.

    What another buyer holds or bought since then is left alone: its packer does not find it.
    """
    for product in product_store.find_products(product_ids).values():
        is_of_another = product.hold is not None and product.hold.order_id != order_id
        if product.state in legal_origins(Move.RECYCLE) and not is_of_another:
            was_public = product.state is ProductState.PUBLISHED
            entries = [announcements.event_entry("shopping.product.withdrawn.v1")] if was_public else []
            _change(product, {"state": str(product.after(Move.RECYCLE))}, entries=entries)


def _change(
    product: Product,
    fields: Mapping[str, Any],
    *,
    unset_fields: Sequence[str] = (),
    entries: Sequence[Document] = (),
) -> None:
    """ProductChangedMeanwhile, after which the event comes again."""
    changed = product_store.change_product(
        product, set_fields=fields, unset_fields=unset_fields, announcements=entries
    )
    if changed is None:
        raise ProductChangedMeanwhile(f"{product.id} was changed by somebody else at the same moment")
    announcements.announce(changed, entries)
