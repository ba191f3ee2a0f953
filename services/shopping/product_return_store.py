"""Products that leave the shop for a return to their donor: each by one conditional update (story rd-r-re-01)."""

from __future__ import annotations

from collections.abc import Sequence

from pymongo import ASCENDING

from services.shopping import moments, page_memory, product_store
from services.shopping.product_store import WITHOUT_TERMS
from services.shopping.products import Document, Move, Product, ProductState, legal_origins


def products_of_donation(donating_order_id: str) -> list[Product]:
    """The products made of a donating order's items, in the order of their ids."""
    found = product_store.products_collection().find({"donation.order_id": donating_order_id}, WITHOUT_TERMS)
    return product_store.readable(found.sort("_id", ASCENDING))


def return_product(product: Product, return_id: str, announcement: Sequence[Document]) -> Product | None:
    """Takes the product off sale for a return; None when a buyer has it, or it is returned already."""
    return product_store.update_one(
        {"_id": product.id, "state": str(product.state), "version": product.version},
        {
            "$set": {
                "state": str(product.after(Move.RETURN)),
                "return": {"id": return_id, "from": str(product.state)},
                "updated_at": moments.now(),
            },
            "$push": {"announcements": {"$each": list(announcement)}},
            "$inc": {"version": 1},
        },
    )


def undo_returns(return_id: str) -> None:
    """Puts back what was taken off sale for a return that cannot be."""
    for state in legal_origins(Move.RETURN):
        product_store.products_collection().update_many(
            {"return.id": return_id, "return.from": state, "state": str(ProductState.RETURNED)},
            {
                "$set": {"state": state, "updated_at": moments.now()},
                "$unset": {"return": ""},
                "$inc": {"version": 1},
            },
        )
    page_memory.forget()
