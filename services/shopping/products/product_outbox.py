"""The outbox in a product's document: audit entries and events that its changes have yet to publish.

The product is in DocumentDB and the service's outbox in the relational database, and no transaction spans both.
So the update that changes a product also stores what it publishes. The entries are then copied to the service's
outbox and removed once that is committed. After a crash in between, a job copies them again: an entry may be
published twice, but is never lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from libs.chassis import audit, clock, db, ids
from libs.chassis.event_types import ProductPublished, ProductWithdrawn
from libs.chassis.security import Principal, principal, use_principal
from services.shopping.document_store import Document
from services.shopping.products import product_store
from services.shopping.products.product_store import products_collection
from services.shopping.products.rules import Product
from services.shopping.registry import registry

PUBLISHED = "shopping.product.published.v1"
WITHDRAWN = "shopping.product.withdrawn.v1"


def build_audit_entry(action: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Document:
    """What the current principal does to a product, with the old and the new values (story mf-op-03)."""
    actor = principal()
    return {
        "id": ids.new_id("aud"),
        "at": clock.now(),
        "audit": {"action": action, "before": before, "after": after},
        "actor": {"subject": actor.subject, "kind": actor.kind, "roles": sorted(actor.roles)},
    }


def build_event_entry(event_type: str) -> Document:
    return {"id": ids.new_id("evt"), "at": clock.now(), "event_type": event_type}


def publish_entries(product: Product, entries: Sequence[Document]) -> None:
    """Copy these entries of the product to the service's outbox, in the current unit of work."""
    for entry in entries:
        _publish(product, entry)
    entry_ids = [entry["id"] for entry in entries]
    if entry_ids:
        db.after_commit(lambda: _remove_entries(product.id, entry_ids))


def publish_product_event(event_type: str, product: Product) -> None:
    data: ProductPublished | ProductWithdrawn = ProductWithdrawn(product_id=product.id)
    if event_type == PUBLISHED:
        data = ProductPublished(product_id=product.id, title=product.title, donation=product.donation)
    registry.publish(event_type, subject=product.id, data=data, version=product.version)


def list_products_with_entries_before(time: datetime, limit: int) -> list[Product]:
    documents = products_collection().find({"outbox.at": {"$lt": time}}).limit(limit)
    return product_store.read_products(documents)


def move_to_failed(product_id: str, entry: Document) -> None:
    """Keep an entry that cannot be published where no job tries it again."""
    products_collection().update_one(
        {"_id": product_id},
        # By its value, because an entry that cannot be published may lack any field.
        {"$pull": {"outbox": {"$in": [entry]}}, "$push": {"failed_outbox": entry}},
    )


def _publish(product: Product, entry: Document) -> None:
    if "audit" not in entry:
        publish_product_event(entry["event_type"], product)
        return
    # The actor of the change, who is not the one who publishes the entry after a crash.
    actor = entry["actor"]
    with use_principal(Principal(actor["subject"], actor["kind"], roles=frozenset(actor["roles"]))):
        audit.record(target=product.id, **entry["audit"])


def _remove_entries(product_id: str, entry_ids: Iterable[str]) -> None:
    """The product itself does not change, so its version stays."""
    removed = {"$pull": {"outbox": {"id": {"$in": list(entry_ids)}}}}
    products_collection().update_one({"_id": product_id}, removed)
