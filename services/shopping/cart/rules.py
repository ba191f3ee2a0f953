"""The content of a cart as entries that any two copies of a cart can merge without losing a change.

Copies of a cart are in ElastiCache, in messages and in the relational database, and any of them may lack a change.
So each entry has the time of its last change, a removed product leaves an entry, and of two entries for a product
the later one wins. Merging therefore gives the same result in any order and any number of times (a
last-writer-wins set). Times are Unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any

from libs.chassis import skipped_items

# The latest removed entries that a cart keeps: enough to outlive any copy in use.
MAX_REMOVED = 100


@dataclass(frozen=True)
class CartEntry:
    """One product of a cart. The price is in minor units as the buyer saw it."""

    product_id: str
    changed_at_ms: int
    present: bool
    added_at_ms: int
    price_amount: int
    price_currency: str


Entries = dict[str, CartEntry]


@dataclass(frozen=True)
class CartChange:
    """Add a product (at the price that the buyer sees) or remove it.

    With `added_until_ms` it is removed only if it was added by then; 0 removes it in any case.
    """

    product_id: str
    present: bool
    price_amount: int = 0
    price_currency: str = ""
    added_until_ms: int = 0


@dataclass(frozen=True)
class StoredCart:
    """One copy of a cart; version 0 is a cart that was never changed."""

    version: int
    updated_at_ms: int
    entries: Entries

    @property
    def present_entries(self) -> list[CartEntry]:
        """The products in the cart, in the order in which they were added."""
        present = [entry for entry in self.entries.values() if entry.present]
        return sorted(present, key=lambda entry: (entry.added_at_ms, entry.product_id))

    def to_document(self) -> dict[str, Any]:
        """The cart as JSON, which is its form in every store."""
        entries = [astuple(entry) for entry in self.entries.values()]
        return {"version": self.version, "updated_at_ms": self.updated_at_ms, "entries": entries}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> StoredCart:
        """The stored cart, without the entries that cannot be read."""
        entries = skipped_items.read_valid(
            document["entries"], _read_entry, kind="cart item", id_of=lambda values: values[0]
        )
        by_product = {entry.product_id: entry for entry in entries}
        return cls(int(document["version"]), int(document["updated_at_ms"]), by_product)


def _read_entry(values: list[Any]) -> CartEntry:
    product_id, changed_at_ms, present, added_at_ms, amount, currency = values
    return CartEntry(product_id, int(changed_at_ms), bool(present), int(added_at_ms), int(amount), str(currency))


EMPTY_CART = StoredCart(version=0, updated_at_ms=0, entries={})


class CartIsFull(Exception):
    """The changes would exceed the limit of a cart; none was applied."""


def merge(cart: StoredCart, other: StoredCart) -> StoredCart:
    """One cart from two copies; content that neither had gets a version that neither has used."""
    entries = _drop_oldest_removed(_select_later_entries(cart.entries, other.entries))
    lacked, other_lacked = entries != cart.entries, entries != other.entries
    version = max(cart.version, other.version)
    if (lacked and (other_lacked or cart.version >= other.version)) or (
        other_lacked and other.version >= cart.version
    ):
        version += 1
    return StoredCart(version, max(cart.updated_at_ms, other.updated_at_ms), entries)


def _select_later_entries(first: Entries, second: Entries) -> Entries:
    """The later entry of each product; of two with the same time always the same one, so that all copies agree."""
    result = dict(first)
    for product_id, entry in second.items():
        existing = result.get(product_id)
        if existing is None or astuple(entry) > astuple(existing):
            result[product_id] = entry
    return result


def apply_changes(
    cart: StoredCart, changes: Iterable[CartChange], *, now_ms: int, max_items: int, may_be_stale: bool = False
) -> StoredCart:
    """The cart after the changes, with the next version; the same cart when they change nothing.

    A copy that `may_be_stale` records each change even if it seems to have no effect: another copy may have the
    opposite change with a later time. Raises CartIsFull.
    """
    entries = dict(cart.entries)
    for change in changes:
        existing = entries.get(change.product_id)
        must_record = may_be_stale and change.added_until_ms == 0
        if must_record or _has_effect(existing, change):
            entries[change.product_id] = _build_entry(existing, change, now_ms)
    if entries == cart.entries:
        return cart
    if sum(entry.present for entry in entries.values()) > max(max_items, len(cart.present_entries)):
        raise CartIsFull
    return StoredCart(cart.version + 1, now_ms, _drop_oldest_removed(entries))


def _has_effect(existing: CartEntry | None, change: CartChange) -> bool:
    if existing is None or not existing.present:
        return change.present
    if not change.present:
        return not 0 < change.added_until_ms < existing.added_at_ms
    return (change.price_amount, change.price_currency) != (existing.price_amount, existing.price_currency)


def _build_entry(existing: CartEntry | None, change: CartChange, now_ms: int) -> CartEntry:
    keeps_place = existing is not None and existing.present and change.present
    return CartEntry(
        product_id=change.product_id,
        changed_at_ms=max(now_ms, existing.changed_at_ms + 1) if existing else now_ms,
        present=change.present,
        added_at_ms=existing.added_at_ms if existing is not None and keeps_place else now_ms,
        price_amount=change.price_amount,
        price_currency=change.price_currency,
    )


def _drop_oldest_removed(entries: Entries) -> Entries:
    removed = [entry for entry in entries.values() if not entry.present]
    removed.sort(key=lambda entry: (-entry.changed_at_ms, entry.product_id))
    dropped = {entry.product_id for entry in removed[MAX_REMOVED:]}
    return {product_id: entry for product_id, entry in entries.items() if product_id not in dropped}
