"""Taking the products of a donation off sale, because their donor wants them back (story rd-r-re-01)."""

from __future__ import annotations

from libs.chassis.problems import Conflict
from services.shopping import announcements, product_return_store, product_store
from services.shopping.products import IllegalTransition, Move, Product, ProductState


class ProductSold(Conflict):
    slug = "product-sold"
    title = "A buyer has a product of this donation"


class ProductsRecycled(Conflict):
    slug = "products-recycled"
    title = "Nothing of this donation is left"


def claim(return_id: str, donating_order_id: str) -> None:
    """All products of the donation leave the shop, or none.

    Each goes by one atomic update, so that a buyer who is faster has it. Repeated for the same return it changes
    nothing, and finishes one that a crash left half made. Raises ProductSold, ProductsRecycled.
    """
    products = product_return_store.products_of_donation(donating_order_id)
    if products and all(product.state is ProductState.RECYCLED for product in products):
        raise ProductsRecycled("A buyer sent its clothes back, and they could not be sold any more.")
    for product in products:
        if product.state in (ProductState.RETURNED, ProductState.RECYCLED):
            continue
        if not _take_off_sale(product, return_id):
            product_return_store.undo_returns(return_id)
            raise ProductSold(f"{product.title} is sold, or held for a buyer.")


def _take_off_sale(product: Product, return_id: str) -> bool:
    """False when a buyer has it; a change that is no sale is met by reading it again."""
    while True:
        try:
            product.after(Move.RETURN)
        except IllegalTransition:
            return product.state is ProductState.RETURNED
        was_public = product.state is ProductState.PUBLISHED
        entries = [announcements.event_entry("shopping.product.withdrawn.v1")] if was_public else []
        returned = product_return_store.return_product(product, return_id, entries)
        if returned is not None:
            announcements.announce(returned, entries)
            return True
        product = product_store.find_product(product.id) or product


def release(return_id: str) -> None:
    """The products of a return that was given up are where they were; nobody is told, as nobody missed them."""
    product_return_store.undo_returns(return_id)
