"""What staff do with products: create, edit, price, publish, withdraw and resume.

Stories d-po-06 to d-po-08, mf-op-01 to mf-op-05, rb-r-po-04. With `any_version` an action needs only the state that
was read; without it the product must not have changed since (ProductChangedConcurrently).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from libs.chassis import clock
from libs.chassis.money import Money
from libs.chassis.pagination import decode_cursor, encode_cursor
from libs.chassis.problems import BadRequest, Unprocessable
from libs.chassis.system_settings import setting
from services.shopping.document_store import Document, get_current_time, to_stored_time
from services.shopping.products import product_store
from services.shopping.products.product_changes import change
from services.shopping.products.product_outbox import PUBLISHED, WITHDRAWN, build_audit_entry, publish_entries
from services.shopping.products.rules import Product, Transition


def list_inventory(state: str | None, limit: int, cursor: str | None) -> dict[str, Any]:
    """Products in any state, newest first: `{"items": [Product], "next_cursor": …}`."""
    query: Document = {"state": state} if state else {}
    if cursor:
        query["_id"] = {"$lt": decode_cursor(cursor, 1, (str,))[0]}
    products = product_store.list_products(query, [("_id", -1)], limit + 1)
    items = products[:limit]
    return {"items": items, "next_cursor": encode_cursor([items[-1].id]) if len(products) > limit else None}


def create_draft(product_id: str, facts: Mapping[str, Any]) -> Product:
    """A new draft without a price; a request repeated with the same id returns the draft it created."""
    facts = {"description": "", "sizes": [], "attributes": {}, **facts}
    _require_storable_names(facts["attributes"])
    product = product_store.insert_draft(product_id, facts, build_audit_entry("create_product", None, facts))
    publish_entries(product, product.outbox)
    return product


def edit(product: Product, facts: Mapping[str, Any]) -> Product:
    """Change any facts of a product; its price is none of them. Raises IllegalTransition."""
    product.state_after(Transition.EDIT)
    _require_storable_names(facts.get("attributes", {}))
    before = {name: getattr(product, name) for name in facts}
    return change(product, audit_entry=build_audit_entry("edit_product", before, facts), set_fields=facts)


def set_price(product: Product, price: Money) -> Product:
    """Price a draft, or change a price before the product is held (stories d-po-07, mf-op-03)."""
    state = product.state_after(Transition.SET_PRICE)
    currency = setting("billing.currency")
    if price.currency != currency:
        raise Unprocessable(
            f"Prices are in {currency}.",
            errors=[{"pointer": "/price/currency", "detail": f"must be {currency}"}],
        )
    before = {"price": product.price.to_dict() if product.price else None}
    after = {"price": price.to_dict()}
    entry = build_audit_entry("set_product_price", before, after)
    return change(product, audit_entry=entry, set_fields={**after, "state": str(state)})


def publish(product: Product, publish_at: datetime | None = None, *, any_version: bool = True) -> Product:
    """Publish a priced or withdrawn product now, or schedule a priced one for later (story d-po-08)."""
    if publish_at is not None and publish_at > clock.now():
        product.state_after(Transition.SCHEDULE)
        entry = _build_schedule_entry("publish_product", product, publish_at)
        set_fields = {"publish_at": to_stored_time(publish_at)}
        return change(product, audit_entry=entry, set_fields=set_fields, any_version=any_version)
    publication = build_publication(product, Transition.PUBLISH)
    entry = _build_state_entry("publish_product", product, publication["set_fields"]["state"])
    return change(product, audit_entry=entry, any_version=any_version, **publication)


def withdraw(product: Product, *, any_version: bool = True) -> Product:
    """Take a published product off sale, or cancel its scheduled publication; a held one stays with its buyer."""
    if product.publish_at is not None:
        product.state_after(Transition.UNSCHEDULE)
        entry = _build_schedule_entry("withdraw_product", product, None)
        unset_fields = ["publish_at"]
        return change(product, audit_entry=entry, set_fields={}, unset_fields=unset_fields, any_version=any_version)
    state = str(product.state_after(Transition.WITHDRAW))
    entry = _build_state_entry("withdraw_product", product, state)
    return change(
        product, audit_entry=entry, set_fields={"state": state}, event_type=WITHDRAWN, any_version=any_version
    )


def resume(product: Product, *, any_version: bool = True) -> Product:
    """Publish a withdrawn product again at its price; one whose sale ended becomes a draft without a price."""
    if product.sale_ended_by is None:
        publication = build_publication(product, Transition.RESUME)
        entry = _build_state_entry("resume_product", product, publication["set_fields"]["state"])
        return change(product, audit_entry=entry, any_version=any_version, **publication)
    state = str(product.state_after(Transition.TAKE_BACK))
    before = {"state": str(product.state), "price": product.price.to_dict() if product.price else None}
    return change(
        product,
        audit_entry=build_audit_entry("resume_product", before, {"state": state, "price": None}),
        set_fields={"state": state},
        unset_fields=["hold", "price", "sale_ended_by", "published_at", "publish_at"],
        any_version=any_version,
    )


def build_publication(product: Product, transition: Transition) -> dict[str, Any]:
    """The change of a product that is published now."""
    state = product.state_after(transition)
    return {
        "set_fields": {"state": str(state), "published_at": get_current_time()},
        "unset_fields": ["publish_at"],
        "event_type": PUBLISHED,
    }


def _build_state_entry(action: str, product: Product, state: str) -> Document:
    return build_audit_entry(action, {"state": str(product.state)}, {"state": state})


def _build_schedule_entry(action: str, product: Product, publish_at: datetime | None) -> Document:
    before, after = clock.rfc3339(product.publish_at), clock.rfc3339(publish_at)
    return build_audit_entry(action, {"publish_at": before}, {"publish_at": after})


def _require_storable_names(attributes: Mapping[str, str]) -> None:
    """DocumentDB stores no field name with a dot, a NUL or a leading dollar sign."""
    errors = [
        {"pointer": f"/attributes/{name}", "detail": "1 to 60 characters, no dot, no leading $"}
        for name in attributes
        if not 1 <= len(name) <= 60 or "." in name or "\0" in name or name.startswith("$")
    ]
    if errors:
        raise BadRequest("An attribute has a name that cannot be stored.", errors=errors)
