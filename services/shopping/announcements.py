"""What a change of a product still has to tell: audit entries and events, kept in the product until told.

The product lives in DocumentDB and the outbox in the relational database, and no transaction spans both. So
the update that changes a product also writes down what is to be announced; the announcement is then put into
the outbox and, once that is committed, struck out. After a crash in between a periodic job does it again: an
announcement may come twice, but is never lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from libs.chassis import audit, clock, db, ids, jobs, skipped_items
from libs.chassis.security import Principal, principal, use_principal
from services.shopping import product_store
from services.shopping.products import Document, Product
from services.shopping.registry import registry

# The request that changed the product announces it within milliseconds; only what is older is left over.
LEFT_OVER_AFTER = timedelta(seconds=10)
MOST_AT_ONCE = 100
PUBLISHED = "shopping.product.published.v1"


def audit_entry(action: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Document:
    """What the current principal does to a product, with the old and the new values (story mf-op-03)."""
    actor = principal()
    return {
        "id": ids.new_id("aud"),
        "at": clock.now(),
        "audit": {"action": action, "before": before, "after": after},
        "actor": {"subject": actor.subject, "kind": actor.kind, "roles": sorted(actor.roles)},
    }


def event_entry(event_type: str) -> Document:
    return {"id": ids.new_id("evt"), "at": clock.now(), "event_type": event_type}


def announce(product: Product, entries: Sequence[Document]) -> None:
    """Puts these announcements of the product into the outbox of the current unit of work."""
    for entry in entries:
        _publish(product, entry)
    announced = [entry["id"] for entry in entries]
    if announced:
        db.after_commit(lambda: product_store.remove_announcements(product.id, announced))


def announce_published(product: Product) -> None:
    """Publish once more that a product is on sale."""
    registry.publish(PUBLISHED, subject=product.id, data=_data_of(PUBLISHED, product), version=product.version)


def announce_left_over() -> None:
    """Announces what a crash left unannounced; an entry that cannot be announced is set aside."""
    moment = clock.now() - LEFT_OVER_AFTER
    for product in product_store.products_with_announcements_before(moment, MOST_AT_ONCE):
        for entry in product.announcements:
            _announce_or_set_aside(product, entry, moment)


def _announce_or_set_aside(product: Product, entry: Document, moment: datetime) -> None:
    try:
        if entry["at"] >= moment:
            return
        announced = [entry["id"]]
        with db.session().begin_nested():
            _publish(product, entry)
    except skipped_items.ITEM_FAULTS as error:
        jobs.report_failure("announce_left_over_changes", product.id, error)
        product_store.set_announcement_aside(product.id, entry)
    else:
        db.after_commit(lambda: product_store.remove_announcements(product.id, announced))


def _publish(product: Product, entry: Document) -> None:
    if "audit" in entry:
        _record(product.id, entry)
        return
    event_type = entry["event_type"]
    registry.publish(event_type, subject=product.id, data=_data_of(event_type, product), version=product.version)


def _data_of(event_type: str, product: Product) -> Document:
    if event_type == PUBLISHED:
        return {"product_id": product.id, "title": product.title, "donation": product.donation}
    return {"product_id": product.id}


def _record(product_id: str, entry: Document) -> None:
    # The actor of the change, who after a crash is not the one who runs this.
    actor = entry["actor"]
    with use_principal(Principal(actor["subject"], actor["kind"], roles=frozenset(actor["roles"]))):
        audit.record(target=product_id, **entry["audit"])
