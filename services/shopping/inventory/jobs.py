"""The periodic job of scheduled publications."""

from __future__ import annotations

from functools import partial

from libs.chassis import clock, jobs
from services.shopping.inventory.staff_actions import build_publication
from services.shopping.products import product_store
from services.shopping.products.product_changes import change
from services.shopping.products.rules import Product, ProductChangedConcurrently, Transition
from services.shopping.registry import registry

BATCH_SIZE = 100


@registry.every(seconds=5)
def publish_due_products() -> None:
    find = partial(product_store.list_due_for_publication, clock.now(), BATCH_SIZE)
    jobs.for_each_in_pages(find, _publish, job="publish_due_products", id_of=lambda product: product.id)


def _publish(product: Product) -> None:
    try:
        change(product, **build_publication(product, Transition.PUBLISH))
    except ProductChangedConcurrently:
        return  # the next run reads it again
