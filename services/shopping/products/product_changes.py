"""Changes of a product together with what they publish: the audit entry and the event."""

from __future__ import annotations

from typing import Any

from libs.chassis.state_machine import IllegalTransition
from services.shopping.document_store import Document
from services.shopping.products import product_outbox, product_store
from services.shopping.products.rules import Product, ProductChangedConcurrently


def change(
    product: Product,
    *,
    audit_entry: Document | None = None,
    event_type: str | None = None,
    any_version: bool = False,
    **update: Any,
) -> Product:
    """Change the product as it was read (see `product_store.change_product`), and publish entry and event.

    Raises ProductChangedConcurrently, or IllegalTransition when only the state had to be as it was read.
    """
    entries = [] if audit_entry is None else [audit_entry]
    if event_type is not None:
        entries.append(product_outbox.build_event_entry(event_type))
    changed = product_store.change_product(product, outbox_entries=entries, any_version=any_version, **update)
    if changed is None and any_version:
        raise IllegalTransition(f"The product is no longer {product.state}.")
    if changed is None:
        raise ProductChangedConcurrently("Read the product again and repeat your change.")
    product_outbox.publish_entries(changed, entries)
    return changed
