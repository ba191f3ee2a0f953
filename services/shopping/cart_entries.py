"""The content of a cart as entries that any two copies of a cart can merge without losing a change.

A cart lives in ElastiCache, in messages on their way and in the relational database, and each of them may be
the one that missed something. An entry therefore says when its product was last put in or taken out, a
product taken out leaves an entry too, and of two entries for a product the younger one counts. Merging is
then the same in any order and any number of times (a last-writer-wins set).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from libs.chassis import skipped_items

# How many entries of products taken out are kept, the youngest ones: enough to outlive any copy in use.
MOST_TAKEN_OUT = 100

Entries = dict[str, "CartEntry"]


@dataclass(frozen=True)
class CartEntry:
    """One product of a cart. Times are Unix milliseconds, the price is in minor units as the buyer saw it."""

    product_id: str
    changed_at_ms: int
    present: bool
    added_at_ms: int
    price_amount: int
    price_currency: str

    def encoded(self) -> str:
        """The stored form, shared with cart.lua: changed_at|present|added_at|amount|currency."""
        present = int(self.present)
        return f"{self.changed_at_ms}|{present}|{self.added_at_ms}|{self.price_amount}|{self.price_currency}"


@dataclass(frozen=True)
class CartChange:
    """Put a product in (at the price the buyer sees) or take it out.

    `put_in_until_ms` takes out only what was put in by then (Unix milliseconds); 0 whenever that was.
    """

    product_id: str
    present: bool
    price_amount: int = 0
    price_currency: str = ""
    put_in_until_ms: int = 0


@dataclass(frozen=True)
class StoredCart:
    """A cart as a store has it; version 0 is the cart that was never changed."""

    version: int
    updated_at_ms: int
    entries: Entries

    @property
    def present_entries(self) -> list[CartEntry]:
        """What is in the cart, in the order in which it was put in."""
        present = [entry for entry in self.entries.values() if entry.present]
        return sorted(present, key=lambda entry: (entry.added_at_ms, entry.product_id))


EMPTY_CART = StoredCart(version=0, updated_at_ms=0, entries={})


class CartIsFull(Exception):
    """The change would put in more products than a cart takes; nothing was changed."""


def decoded(product_id: str, text: str) -> CartEntry:
    changed_at, present, added_at, amount, currency = text.split("|")
    return CartEntry(product_id, int(changed_at), present == "1", int(added_at), int(amount), currency)


def decoded_entries(pairs: Iterable[tuple[str, str]]) -> Entries:
    """The entries of pairs of product id and stored form, without those that cannot be read."""
    found = skipped_items.read_valid(
        pairs, lambda pair: decoded(*pair), kind="cart item", id_of=lambda pair: pair[0]
    )
    return {entry.product_id: entry for entry in found}


def merged(cart: StoredCart, other: StoredCart) -> StoredCart:
    """One cart of two copies; content that neither had gets a version that neither has used."""
    entries = without_oldest_taken_out(_younger_of_each(cart.entries, other.entries))
    behind, ahead = entries != cart.entries, entries != other.entries
    version = max(cart.version, other.version)
    if (behind and (ahead or cart.version >= other.version)) or (ahead and other.version >= cart.version):
        version += 1
    return StoredCart(version, max(cart.updated_at_ms, other.updated_at_ms), entries)


def _younger_of_each(first: Entries, second: Entries) -> Entries:
    """Of each product the younger entry; of two of one moment the greater text, so that every copy agrees."""
    result = dict(first)
    for product_id, entry in second.items():
        known = result.get(product_id)
        if known is None or _rank(entry) > _rank(known):
            result[product_id] = entry
    return result


def _rank(entry: CartEntry) -> tuple[int, str]:
    return entry.changed_at_ms, entry.encoded()


def changed(
    cart: StoredCart, changes: Iterable[CartChange], *, now_ms: int, most_items: int, may_be_stale: bool = False
) -> StoredCart:
    """The cart after the changes, one version on; the same cart when they change nothing.

    A copy that `may_be_stale` notes each change even if it seems to have it already: another copy may have the
    opposite with a younger time. Raises CartIsFull. cart.lua does the same in ElastiCache.
    """
    entries = dict(cart.entries)
    for change in changes:
        known = entries.get(change.product_id)
        is_certain = not (may_be_stale and change.put_in_until_ms == 0)
        if not (is_certain and _is_done(known, change)):
            entry = _entry_after(known, change, now_ms)
            entries[change.product_id] = entry
    if entries == cart.entries:
        return cart
    if sum(entry.present for entry in entries.values()) > max(most_items, len(cart.present_entries)):
        raise CartIsFull
    return StoredCart(cart.version + 1, now_ms, without_oldest_taken_out(entries))


def _is_done(known: CartEntry | None, change: CartChange) -> bool:
    """Whether the cart is already as the change wants it."""
    if known is None or not known.present:
        return not change.present
    if not change.present:
        return 0 < change.put_in_until_ms < known.added_at_ms
    return (change.price_amount, change.price_currency) == (known.price_amount, known.price_currency)


def _entry_after(known: CartEntry | None, change: CartChange, now_ms: int) -> CartEntry:
    stays_in = known is not None and known.present and change.present
    return CartEntry(
        product_id=change.product_id,
        changed_at_ms=max(now_ms, known.changed_at_ms + 1) if known else now_ms,
        present=change.present,
        added_at_ms=known.added_at_ms if known is not None and stays_in else now_ms,
        price_amount=change.price_amount,
        price_currency=change.price_currency,
    )


def without_oldest_taken_out(entries: Mapping[str, CartEntry]) -> Entries:
    taken_out = sorted(
        (entry for entry in entries.values() if not entry.present),
        key=lambda entry: (-entry.changed_at_ms, entry.product_id),
    )
    forgotten = {entry.product_id for entry in taken_out[MOST_TAKEN_OUT:]}
    return {product_id: entry for product_id, entry in entries.items() if product_id not in forgotten}
