"""Periodic jobs that bring the copies of carts together, and delete expired ones."""

from __future__ import annotations

from libs.chassis.db import unit_of_work
from services.shopping.cart import anonymous_carts, cart_rows, cart_store
from services.shopping.registry import registry

BATCH_SIZE = 100


@registry.every(seconds=10)
def resend_unsaved_carts() -> None:
    cart_store.resend_unsaved_carts()


@registry.every(seconds=2)
def update_cart_cache() -> None:
    with unit_of_work(reads_only=True):  # ends before ElastiCache is called, which may hang
        carts = cart_rows.load_carts_with_cache_behind(BATCH_SIZE)
    cart_store.update_cache(carts)


@registry.every(seconds=600)
def delete_expired_anonymous_carts() -> None:
    anonymous_carts.delete_expired()
