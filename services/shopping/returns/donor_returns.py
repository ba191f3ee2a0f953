"""Takes the products of a donation off sale because their donor wants them back (story rd-r-re-01)."""

from __future__ import annotations

from pymongo import ASCENDING

from libs.chassis.problems import Conflict
from libs.chassis.state_machine import IllegalTransition
from services.shopping.document_store import get_current_time
from services.shopping.products import product_store
from services.shopping.products.product_changes import change
from services.shopping.products.product_outbox import WITHDRAWN
from services.shopping.products.rules import (
    LIFECYCLE,
    Product,
    ProductChangedConcurrently,
    ProductState,
    Transition,
)


class ProductSold(Conflict):
    slug = "product-sold"
    title = "A buyer has a product of this donation"


class ProductsRecycled(Conflict):
    slug = "products-recycled"
    title = "All products of this donation are recycled"


def claim_donation(return_id: str, donating_order_id: str) -> None:
    """Take all products of the donation off sale for this return, or none.

    Each is taken by one conditional update, so that a buyer who is faster gets it. Repeated for the same return it
    changes nothing, and completes what a crash interrupted. Raises ProductSold, ProductsRecycled.
    """
    products = list_products_of_donation(donating_order_id)
    if products and all(product.state is ProductState.RECYCLED for product in products):
        raise ProductsRecycled("A buyer returned the clothes, and they could not be sold again.")
    for product in products:
        is_gone = product.state in (ProductState.RETURNED, ProductState.RECYCLED)
        if not is_gone and not _take_off_sale(product, return_id):
            release_claim(return_id)
            raise ProductSold(f"{product.title} is sold, or held for a buyer.")


def release_claim(return_id: str) -> None:
    """Undo the claim of a cancelled return. It publishes nothing: the products were never reported as returned."""
    for state in LIFECYCLE.sources(Transition.RETURN):
        product_store.update_products(
            {"return.id": return_id, "return.from": state, "state": str(ProductState.RETURNED)},
            {
                "$set": {"state": state, "updated_at": get_current_time()},
                "$unset": {"return": ""},
                "$inc": {"version": 1},
            },
        )


def list_products_of_donation(donating_order_id: str) -> list[Product]:
    """The products of a donating order's items, in the order of their ids."""
    query = {"donation.order_id": donating_order_id}
    documents = product_store.products_collection().find(query, product_store.WITHOUT_INDEX_FIELDS)
    return product_store.read_products(documents.sort("_id", ASCENDING))


def _take_off_sale(product: Product, return_id: str) -> bool:
    """False when a buyer has the product; after any other concurrent change it is read and tried again."""
    while True:
        try:
            state = product.state_after(Transition.RETURN)
        except IllegalTransition:
            return product.state is ProductState.RETURNED
        try:
            change(
                product,
                set_fields={"state": str(state), "return": {"id": return_id, "from": str(product.state)}},
                only_if={"state": str(product.state)},
                event_type=WITHDRAWN if product.state is ProductState.PUBLISHED else None,
            )
            return True
        except ProductChangedConcurrently:
            product = product_store.find_product(product.id) or product
