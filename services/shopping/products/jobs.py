"""Periodic jobs on all products."""

from __future__ import annotations

from datetime import datetime, timedelta

from libs.chassis import clock, db, jobs, skipped_items
from services.shopping.document_store import Document
from services.shopping.products import product_outbox, search_index
from services.shopping.products.rules import Product
from services.shopping.registry import registry

# The request that changed a product publishes its entries within milliseconds; only older ones are left over.
LEFT_OVER_AFTER = timedelta(seconds=10)
BATCH_SIZE = 100


@registry.every(seconds=10)
def publish_left_over_entries() -> None:
    """Publish the outbox entries of products that a crash left over; one that cannot be published is set aside."""
    time = clock.now() - LEFT_OVER_AFTER
    for product in product_outbox.list_products_with_entries_before(time, BATCH_SIZE):
        for entry in product.outbox:
            _publish_or_set_aside(product, entry, time)


def _publish_or_set_aside(product: Product, entry: Document, time: datetime) -> None:
    try:
        if entry["at"] < time:
            with db.session().begin_nested():
                product_outbox.publish_entries(product, [entry])
    except skipped_items.ITEM_FAULTS as error:
        jobs.report_failure("publish_left_over_entries", product.id, error)
        product_outbox.move_to_failed(product.id, entry)


@registry.every(seconds=30)
def rebuild_search_index() -> None:
    search_index.rebuild_search_index()
