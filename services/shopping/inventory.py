"""What staff does with products: create, edit, price, publish, withdraw, resume.

Stories d-po-06..08, mf-op-01..05, rb-r-po-04.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from libs.chassis import clock, jobs
from libs.chassis.money import Money
from libs.chassis.pagination import decode_cursor, encode_cursor
from libs.chassis.problems import BadRequest, Unprocessable
from libs.chassis.system_settings import setting
from services.shopping import announcements, moments, product_store
from services.shopping.products import (
    Document,
    IllegalTransition,
    Move,
    Product,
    ProductChangedMeanwhile,
    ProductNotFound,
)

MOST_AT_ONCE = 100


def list_inventory(state: str | None, limit: int, cursor: str | None) -> dict[str, Any]:
    """Products in any state, newest first: `{"items": [Product], "next_cursor": …}`."""
    query: Document = {"state": state} if state else {}
    if cursor:
        query["_id"] = {"$lt": decode_cursor(cursor, 1, (str,))[0]}
    found = product_store.list_products(query, [("_id", -1)], limit + 1)
    items = found[:limit]
    return {"items": items, "next_cursor": encode_cursor([items[-1].id]) if len(found) > limit else None}


def get_product(product_id: str) -> Product:
    """Raises ProductNotFound."""
    product = product_store.find_product(product_id)
    if product is None:
        raise ProductNotFound(f"There is no product {product_id}.")
    return product


def create_draft(product_id: str, fields: Mapping[str, Any]) -> Product:
    """A new draft without a price; the same id again gives the draft that was made before."""
    facts: dict[str, Any] = {"description": "", "sizes": [], "attributes": {}, **fields}
    _require_storable_names(facts["attributes"])
    entry = announcements.audit_entry("create_product", None, facts)
    product = product_store.insert_draft(product_id, facts, entry)
    announcements.announce(product, product.announcements)
    return product


def edit(product: Product, fields: Mapping[str, Any]) -> Product:
    """What is said of a product, never its price. Raises IllegalTransition, ProductChangedMeanwhile."""
    product.after(Move.EDIT)
    _require_storable_names(fields.get("attributes", {}))
    before = {name: getattr(product, name) for name in fields}
    return audited_change(product, "edit_product", before, dict(fields), set_fields=fields)


def set_price(product: Product, price: Money) -> Product:
    """Prices a draft, or changes a price before the product is held (stories d-po-07, mf-op-03)."""
    state = product.after(Move.SET_PRICE)
    expected = setting("billing.currency")
    if price.currency != expected:
        raise Unprocessable(
            f"Prices are in {expected}.",
            errors=[{"pointer": "/price/currency", "detail": f"must be {expected}"}],
        )
    before = {"price": product.price.to_dict() if product.price else None}
    after = {"price": price.to_dict()}
    return audited_change(product, "set_product_price", before, after, set_fields={**after, "state": str(state)})


def publish(product: Product, publish_at: datetime | None = None, *, only_as_read: bool = False) -> Product:
    """Publishes a priced or withdrawn product now, or a priced one at a time to come (story d-po-08).

    Like withdrawing and resuming it needs the state that was read; `only_as_read` needs all that was read, and
    raises ProductChangedMeanwhile.
    """
    if publish_at is not None and publish_at > clock.now():
        product.after(Move.SCHEDULE)
        return audited_change(
            product,
            "publish_product",
            {"publish_at": clock.rfc3339(product.publish_at)},
            {"publish_at": clock.rfc3339(publish_at)},
            set_fields={"publish_at": moments.to_milliseconds(publish_at)},
            whatever_version=not only_as_read,
        )
    return audited_change(
        product,
        "publish_product",
        {"state": str(product.state)},
        {"state": str(product.after(Move.PUBLISH))},
        whatever_version=not only_as_read,
        **_publication(product),
    )


def withdraw(product: Product, *, only_as_read: bool = False) -> Product:
    """Takes a published product off the shop, or cancels a publication at a time to come.

    A held one stays, because a buyer was promised it.
    """
    if product.publish_at is not None:
        return _unschedule(product, only_as_read)
    state = str(product.after(Move.WITHDRAW))
    return audited_change(
        product,
        "withdraw_product",
        {"state": str(product.state)},
        {"state": state},
        set_fields={"state": state},
        event_type="shopping.product.withdrawn.v1",
        whatever_version=not only_as_read,
    )


def _unschedule(product: Product, only_as_read: bool) -> Product:
    product.after(Move.UNSCHEDULE)
    return audited_change(
        product,
        "withdraw_product",
        {"publish_at": clock.rfc3339(product.publish_at)},
        {"publish_at": None},
        set_fields={},
        unset_fields=["publish_at"],
        whatever_version=not only_as_read,
    )


def resume(product: Product, *, only_as_read: bool = False) -> Product:
    """A withdrawn product is on sale again at its price; one that came back good from its buyer is a draft."""
    before: dict[str, Any] = {"state": str(product.state)}
    after: dict[str, Any] = {}
    if product.came_back_with is None:
        product.after(Move.RESUME)
        change = _publication(product)
    else:
        before["price"], after["price"] = product.price.to_dict() if product.price else None, None
        change = {
            "set_fields": {"state": str(product.after(Move.TAKE_BACK))},
            "unset_fields": ["hold", "price", "came_back_with", "published_at", "publish_at"],
        }
    after["state"] = change["set_fields"]["state"]
    return audited_change(product, "resume_product", before, after, whatever_version=not only_as_read, **change)


def publish_due() -> None:
    """Publishes the priced products whose time has come; one changed meanwhile waits for the next run."""
    due = partial(product_store.products_due_for_publication, clock.now(), MOST_AT_ONCE)
    jobs.for_each_in_pages(due, _publish_if_unchanged, job="publish_due_products", id_of=lambda product: product.id)


def _publish_if_unchanged(product: Product) -> None:
    publication = _publication(product)
    event = announcements.event_entry(publication.pop("event_type"))
    published = product_store.change_product(product, announcements=[event], **publication)
    if published is not None:
        announcements.announce(published, [event])


def _publication(product: Product) -> dict[str, Any]:
    state = product.after(Move.PUBLISH)
    return {
        "set_fields": {"state": str(state), "published_at": moments.now()},
        "unset_fields": ["publish_at"],
        "event_type": announcements.PUBLISHED,
    }


def audited_change(
    product: Product,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    event_type: str | None = None,
    whatever_version: bool = False,
    **update: Any,
) -> Product:
    """One change of the product as it was read, with its audit entry and, if others need it, its event.

    Raises ProductChangedMeanwhile, or IllegalTransition when only the state had to be as it was read.
    """
    entries = [announcements.audit_entry(action, before, after)]
    if event_type is not None:
        entries.append(announcements.event_entry(event_type))
    changed = product_store.change_product(
        product, announcements=entries, whatever_version=whatever_version, **update
    )
    if changed is None and whatever_version:
        raise IllegalTransition(f"The product is no longer {product.state}.")
    if changed is None:
        raise ProductChangedMeanwhile("Read the product again and repeat your change.")
    announcements.announce(changed, entries)
    return changed


def _require_storable_names(attributes: Mapping[str, str]) -> None:
    """DocumentDB takes no field name with a dot, a NUL or a leading dollar sign."""
    errors = [
        {"pointer": f"/attributes/{name}", "detail": "1 to 60 characters, no dot, no leading $"}
        for name in attributes
        if not 1 <= len(name) <= 60 or "." in name or "\0" in name or name.startswith("$")
    ]
    if errors:
        raise BadRequest("An attribute has a name that cannot be stored.", errors=errors)
