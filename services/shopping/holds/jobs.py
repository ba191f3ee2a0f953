"""The periodic job that releases lapsed holds and settles those that a crash interrupted."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from libs.chassis import clock, jobs
from services.shopping.holds import hold_store
from services.shopping.holds.settlement import release_if_lapsed, settle, settle_product
from services.shopping.products import product_store
from services.shopping.registry import registry

# A request or a worker settles its own decision within this time; only older ones are left over.
LEFT_OVER_AFTER = timedelta(seconds=5)
BATCH_SIZE = 200


@registry.every(seconds=5)
def settle_holds() -> None:
    now = clock.now()
    left_over = now - LEFT_OVER_AFTER
    for_each = partial(jobs.for_each_in_pages, job="settle_holds")
    lapsed = partial(hold_store.list_lapsed_order_ids, now, BATCH_SIZE)
    for_each(lapsed, release_if_lapsed, id_of=str)
    unpublished = partial(hold_store.list_unpublished_holds, left_over, BATCH_SIZE)
    for_each(unpublished, settle, id_of=lambda hold: hold.order_id)
    still_held = partial(product_store.list_held_past, left_over, BATCH_SIZE)
    for_each(still_held, settle_product, id_of=lambda product: product.id)
