"""Carts in the relational database: read, merged with other copies, changed while ElastiCache is unavailable."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import delete, select, update

from libs.chassis.db import insert_missing, locked_scalar, session
from services.shopping.cart.rules import EMPTY_CART, CartChange, StoredCart, apply_changes, merge
from services.shopping.cart.tables import CartRow


def load_cart(customer_id: str) -> StoredCart:
    """The saved cart; the empty cart of version 0 when there is none."""
    row = session().get(CartRow, customer_id, populate_existing=True)
    return _read(row) if row is not None else EMPTY_CART


def merge_cart(customer_id: str, other: StoredCart) -> StoredCart:
    """Merge another copy; copies may come repeatedly and in any order."""
    return _replace(customer_id, lambda cart: merge(cart, other), cache_behind=False)


def change_cart(customer_id: str, changes: Iterable[CartChange], *, now_ms: int, max_items: int) -> StoredCart:
    """Change the cart here; a job copies it to ElastiCache later. Raises CartIsFull."""
    return _replace(
        customer_id,
        lambda cart: apply_changes(cart, changes, now_ms=now_ms, max_items=max_items, may_be_stale=True),
        cache_behind=True,
    )


def load_carts_with_cache_behind(limit: int) -> dict[str, StoredCart]:
    rows = session().scalars(select(CartRow).where(CartRow.cache_behind.is_(True)).limit(limit))
    return {row.customer_id: _read(row) for row in rows}


def mark_cache_updated(customer_id: str, version: int) -> None:
    """ElastiCache has the cart at this version; a change made since then keeps its mark."""
    session().execute(
        update(CartRow)
        .where(CartRow.customer_id == customer_id, CartRow.version == version)
        .values(cache_behind=False)
    )


def delete_unchanged_since(time_ms: int, id_prefix: str, limit: int) -> None:
    """Delete up to `limit` carts with this prefix of their id that have not changed since."""
    unchanged = (
        select(CartRow.customer_id)
        .where(CartRow.updated_at_ms < time_ms, CartRow.customer_id.startswith(id_prefix, autoescape=True))
        .order_by(CartRow.updated_at_ms)
        .limit(limit)
    )
    session().execute(delete(CartRow).where(CartRow.customer_id.in_(list(session().scalars(unchanged)))))


def _replace(customer_id: str, build: Callable[[StoredCart], StoredCart], *, cache_behind: bool) -> StoredCart:
    """Replace the cart by what `build` returns for it, in one locked row."""
    locked = select(CartRow).where(CartRow.customer_id == customer_id)
    row = locked_scalar(locked)
    if row is None:
        empty = EMPTY_CART.to_document()
        insert_missing(CartRow, [{"customer_id": customer_id, "cache_behind": False, **empty}])
        row = locked_scalar(locked)
        assert row is not None
    before = _read(row)
    cart = build(before)
    if cart != before:
        for name, value in cart.to_document().items():
            setattr(row, name, value)
        row.cache_behind = row.cache_behind or cache_behind
        session().flush()
    return cart


def _read(row: CartRow) -> StoredCart:
    document = {"version": row.version, "updated_at_ms": row.updated_at_ms, "entries": row.entries}
    return StoredCart.from_document(document)
