"""Carts in the relational database: read, merged with what a worker brings, changed when ElastiCache is away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from libs.chassis.db import locked_scalar, session
from services.shopping.cart.rules import (
    EMPTY_CART,
    CartChange,
    CartEntry,
    Entries,
    StoredCart,
    apply_changes,
    merge,
)
from services.shopping.cart.tables import CartItemRow, CartRow


def load_cart(customer_id: str) -> StoredCart:
    """The cart as the database has it; the empty cart of version 0 when it has none."""
    row = session().get(CartRow, customer_id, populate_existing=True)
    if row is None:
        return EMPTY_CART
    items = session().scalars(select(CartItemRow).where(CartItemRow.customer_id == customer_id))
    return _stored_cart(row, {item.product_id: item for item in items})


def merge_cart(customer_id: str, other: StoredCart) -> StoredCart:
    """Merges a copy that came from ElastiCache; twice or out of order does no harm."""
    row = _locked_row(customer_id)
    items = _locked_items(customer_id)
    cart = merge(_stored_cart(row, items), other)
    _write(row, items, cart)
    return cart


def change_cart(customer_id: str, changes: Iterable[CartChange], *, now_ms: int, max_items: int) -> StoredCart:
    """Changes the cart here, to be told to ElastiCache later. Raises CartIsFull."""
    row = _locked_row(customer_id)
    items = _locked_items(customer_id)
    before = _stored_cart(row, items)
    cart = apply_changes(before, changes, now_ms=now_ms, max_items=max_items, may_be_stale=True)
    if cart.version != before.version:
        _write(row, items, cart)
        row.cache_behind = True
    return cart


def list_customers_with_cache_behind(limit: int) -> list[str]:
    found = select(CartRow.customer_id).where(CartRow.cache_behind.is_(True)).limit(limit)
    return list(session().scalars(found))


def mark_cache_updated(customer_id: str, version: int) -> None:
    """ElastiCache knows the cart at this version now; a change made since then keeps its mark."""
    session().execute(
        update(CartRow)
        .where(CartRow.customer_id == customer_id, CartRow.version == version)
        .values(cache_behind=False)
    )


def delete_unchanged_since(moment_ms: int, id_prefix: str, limit: int) -> None:
    """Removes carts with such ids that nobody changed since; their items go with them."""
    found = (
        select(CartRow.customer_id)
        .where(CartRow.updated_at_ms < moment_ms, CartRow.customer_id.startswith(id_prefix, autoescape=True))
        .order_by(CartRow.updated_at_ms)
        .limit(limit)
    )
    session().execute(delete(CartRow).where(CartRow.customer_id.in_(list(session().scalars(found)))))


def _locked_row(customer_id: str) -> CartRow:
    """The cart's row, locked to the end of the transaction, made when it is the customer's first."""
    row = _select_locked(customer_id)
    if row is None:
        try:
            with session().begin_nested():
                session().add(CartRow(customer_id=customer_id, version=0, updated_at_ms=0, cache_behind=False))
        except IntegrityError:
            pass  # another transaction made it in between; it is read below
        row = _select_locked(customer_id)
    if row is None:
        raise RuntimeError("a cart row vanished right after it was made")
    return row


def _select_locked(customer_id: str) -> CartRow | None:
    return locked_scalar(select(CartRow).where(CartRow.customer_id == customer_id))


def _locked_items(customer_id: str) -> dict[str, CartItemRow]:
    # Locked too: a plain read may come from an older snapshot of this transaction than the locked cart row.
    statement = select(CartItemRow).where(CartItemRow.customer_id == customer_id).with_for_update()
    items = session().scalars(statement.execution_options(populate_existing=True))
    return {item.product_id: item for item in items}


def _stored_cart(row: CartRow, items: Mapping[str, CartItemRow]) -> StoredCart:
    entries: Entries = {
        product_id: CartEntry(
            product_id=product_id,
            changed_at_ms=item.changed_at_ms,
            present=item.present,
            added_at_ms=item.added_at_ms,
            price_amount=item.price_amount,
            price_currency=item.price_currency,
        )
        for product_id, item in items.items()
    }
    return StoredCart(row.version, row.updated_at_ms, entries)


def _write(row: CartRow, items: Mapping[str, CartItemRow], cart: StoredCart) -> None:
    row.version, row.updated_at_ms = cart.version, cart.updated_at_ms
    for product_id, item in items.items():
        if product_id not in cart.entries:
            session().delete(item)
    for product_id, entry in cart.entries.items():
        item_row = items.get(product_id) or CartItemRow(customer_id=row.customer_id, product_id=product_id)
        item_row.changed_at_ms, item_row.present = entry.changed_at_ms, entry.present
        item_row.added_at_ms = entry.added_at_ms
        item_row.price_amount, item_row.price_currency = entry.price_amount, entry.price_currency
        session().add(item_row)
    session().flush()
