"""Periodic jobs that bring the copies of carts together, and delete expired ones."""

from __future__ import annotations

from services.shopping.cart import anonymous_carts, cart_store
from services.shopping.registry import registry


@registry.every(seconds=10)
def resend_unsaved_carts() -> None:
    cart_store.resend_unsaved_carts()


@registry.every(seconds=2)
def update_cart_cache() -> None:
    cart_store.update_cache()


@registry.every(seconds=600)
def delete_expired_anonymous_carts() -> None:
    anonymous_carts.delete_expired()
