"""Stories mf-op-01 to mf-op-05, d-po-07, d-po-08 and b-pr-01: create, publish and find products."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import CustomerFactory
from tests.acceptance.site import product_fields
from tests.support.platform import RunningPlatform
from tools.demo.coat_picture import coat_picture
from tools.demo.people import Customer, Staff, wait_for


@pytest.mark.story("mf-op-01")
def test_an_employee_creates_a_product_with_a_photo(employee: Staff) -> None:
    product, _ = employee.create_product(**product_fields())
    assert (product["state"], product["price"]) == ("draft", None)
    photo = employee.add_photo(product["id"], coat_picture())
    response = httpx.get(photo["url"], timeout=10.0)
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/webp"
    assert "immutable" in response.headers["cache-control"]
    path = f"/shopping/v1/inventory/{product['id']}"
    [stored] = employee.call("GET", path).json()["photos"]
    assert [size["name"] for size in stored["sizes"]] == ["thumbnail", "card", "large"]


@pytest.mark.story("mf-op-02")
def test_an_employee_reorders_and_removes_photos(employee: Staff) -> None:
    product, _ = employee.create_product(**product_fields())
    path = f"/shopping/v1/inventory/{product['id']}"
    first, second = (employee.add_photo(product["id"], coat_picture())["id"] for _ in range(2))
    headers = {"If-Match": employee.call("GET", path).headers["etag"]}
    employee.call("PUT", f"{path}/photos", json={"photo_ids": [second, first]}, headers=headers)
    employee.call("DELETE", f"{path}/photos/{first}", expect=204)
    assert [photo["id"] for photo in employee.call("GET", path).json()["photos"]] == [second]


def test_a_file_that_is_not_an_image_is_rejected(employee: Staff) -> None:
    product, _ = employee.create_product(**product_fields())
    with pytest.raises(AssertionError, match="not-an-image"):
        employee.add_photo(product["id"], b"#!/bin/sh\necho not an image\n")


@pytest.mark.story("mf-op-02")
def test_an_employee_edits_a_product_but_not_its_price(employee: Staff) -> None:
    product, etag = employee.create_product(**product_fields())
    path = f"/shopping/v1/inventory/{product['id']}"
    edited = employee.call("PATCH", path, json={"title": "Sand wool coat"}, headers={"If-Match": etag})
    assert edited.json()["title"] == "Sand wool coat"
    employee.call("PATCH", path, json={"title": "Too late"}, headers={"If-Match": etag}, expect=412)
    employee.call("PATCH", path, json={"title": "Not read"}, expect=428)
    price = {"price": {"amount": 1, "currency": "EUR"}}
    current = edited.headers["etag"]
    employee.call("PATCH", path, json=price, headers={"If-Match": current}, expect=400)
    employee.call("PUT", f"{path}/price", json=price, headers={"If-Match": current}, expect=403)


@pytest.mark.story("d-po-07")
@pytest.mark.story("mf-op-03")
def test_price_changes_are_in_the_audit_trail_with_old_and_new_value(employee: Staff, manager: Staff) -> None:
    product, _ = employee.create_product(**product_fields())
    manager.set_price(product["id"], 4900)
    manager.set_price(product["id"], 3900)

    def read_entries() -> list[dict[str, Any]] | None:
        query = {"action": "set_product_price", "limit": 50}
        entries = manager.call("GET", "/admin/v1/audit-entries", params=query).json()["items"]
        matching = [entry for entry in entries if product["id"] in entry["target"]]
        return matching if len(matching) == 2 else None

    newest, oldest = wait_for("two audit entries", read_entries)
    assert oldest["after"]["price"]["amount"] == 4900
    assert newest["before"]["price"]["amount"] == 4900
    assert newest["after"]["price"]["amount"] == 3900
    assert newest["actor_id"].startswith("usr_")


@pytest.mark.story("d-po-08")
@pytest.mark.story("mf-op-04")
def test_a_manager_publishes_and_an_employee_cannot(
    employee: Staff, manager: Staff, new_customer: CustomerFactory
) -> None:
    product, _ = employee.create_product(**product_fields())
    publication = f"/shopping/v1/inventory/{product['id']}/publication"
    manager.call("POST", publication, json={}, expect=409)
    manager.set_price(product["id"], 4900)
    employee.call("POST", publication, json={}, expect=403)
    visitor = new_customer(verified=False)
    visitor.call("GET", f"/shopping/v1/products/{product['id']}", anonymous=True, expect=404)
    manager.publish(product["id"])
    product = visitor.call("GET", f"/shopping/v1/products/{product['id']}", anonymous=True).json()
    assert product["price"] == {"amount": 4900, "currency": "EUR"}


@pytest.mark.story("d-po-08")
def test_a_scheduled_product_is_published_on_time_unless_the_schedule_is_cancelled(
    employee: Staff, manager: Staff, new_customer: CustomerFactory
) -> None:
    visitor = new_customer(verified=False)
    scheduled, cancelled = (employee.create_product(**product_fields())[0]["id"] for _ in range(2))
    publish_at = {}
    for product_id in (scheduled, cancelled):
        manager.set_price(product_id, 4900)
        publication = f"/shopping/v1/inventory/{product_id}/publication"
        publish_at[product_id] = datetime.now(UTC) + timedelta(seconds=4)
        product = manager.call("POST", publication, json={"publish_at": publish_at[product_id].isoformat()}).json()
        assert (product["state"], product["publish_at"] is None) == ("priced", False)
    employee.call("DELETE", publication, expect=403)
    assert manager.call("DELETE", publication).json()["publish_at"] is None

    def read_when_published() -> dict[str, Any] | None:
        response = visitor.call("GET", f"/shopping/v1/products/{scheduled}", anonymous=True, expect=(200, 404))
        return response.json() if response.status_code == 200 else None

    published = wait_for("the product to be published", read_when_published)
    assert datetime.fromisoformat(published["published_at"]) >= publish_at[scheduled] - timedelta(milliseconds=1)
    time.sleep(max(0.0, (publish_at[cancelled] - datetime.now(UTC)).total_seconds()))
    visitor.call("GET", f"/shopping/v1/products/{cancelled}", anonymous=True, expect=404)


@pytest.mark.story("mf-op-05")
def test_an_employee_resumes_a_withdrawn_product(
    employee: Staff, manager: Staff, published_coat: Callable[..., str], new_customer: CustomerFactory
) -> None:
    product_id = published_coat(price=4900)
    resumption = f"/shopping/v1/inventory/{product_id}/resumption"
    employee.call("POST", resumption, expect=409)
    manager.call("DELETE", f"/shopping/v1/inventory/{product_id}/publication")
    visitor = new_customer(verified=False)
    visitor.call("GET", f"/shopping/v1/products/{product_id}", anonymous=True, expect=404)
    resumed = employee.call("POST", resumption).json()
    assert (resumed["state"], resumed["price"]["amount"]) == ("published", 4900)
    assert visitor.call("GET", f"/shopping/v1/products/{product_id}", anonymous=True).json()["id"] == product_id


@pytest.mark.story("b-pr-01")
def test_sizes_are_found_across_systems_counted_and_recommended(
    platform: RunningPlatform, published_coat: Callable[..., str], new_customer: CustomerFactory
) -> None:
    brand = f"Sizes {uuid.uuid4().hex[:8]}"
    women = {"attributes": {"cut": "women", "material": "wool"}}
    labels = [("EU", "38"), ("UK", "10"), ("letter", "S"), ("EU", "46")]
    product_ids = [
        published_coat(price=1000 + number, brand=brand, sizes=[{"system": system, "value": value}], **women)
        for number, (system, value) in enumerate(labels)
    ]
    visitor = Customer(platform.external_url, platform.ca_file, "visitor@acceptance.example")
    for size in ("EU 38", "US 6", "uk 10"):
        page = visitor.browse(brand=brand, size=size, sort="price_asc")
        assert [item["id"] for item in page["items"]] == product_ids[:3], size
    facets = visitor.call("GET", "/shopping/v1/product-facets", params={"brand": brand}, anonymous=True).json()
    assert {"value": "EU 38", "count": 3} in facets["facets"]["size"]
    assert facets["facets"]["brand"] == [{"value": brand, "count": 4}]
    mistyped = visitor.browse(q="wool caot", brand=brand)
    assert (len(mistyped["items"]), mistyped["corrected_query"]) == (4, "wool coat")
    visitor.close()

    buyer = new_customer()
    changes = {"body_sizes": {"EU": "38"}, "preferences": {"brand": brand}}
    buyer.call("PATCH", "/customer/v1/profile", json=changes)

    def are_recommended() -> bool | None:
        items = buyer.call("GET", "/shopping/v1/recommendations", params={"limit": 3}).json()["items"]
        return [item["id"] for item in items] == product_ids[2::-1] or None

    wait_for("recommendations by the profile", are_recommended)


@pytest.mark.story("b-pr-01")
def test_products_are_filtered_sorted_and_paged_without_a_token(
    platform: RunningPlatform, published_coat: Callable[..., str]
) -> None:
    product_ids = {published_coat(price=1000 + n, brand="Pagination", colour="teal") for n in range(5)}
    visitor = Customer(platform.external_url, platform.ca_file, "visitor@acceptance.example")
    filters = {"brand": "Pagination", "colour": "teal", "price_min": 1000, "price_max": 1004, "limit": 2}
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(50):
        page = visitor.browse(**filters, sort="price_asc", **({"cursor": cursor} if cursor else {}))
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert product_ids <= {item["id"] for item in items}
    assert len({item["id"] for item in items}) == len(items)
    prices = [item["price"]["amount"] for item in items]
    assert prices == sorted(prices)
    problem = visitor.call(
        "GET", "/shopping/v1/products", params={"limit": 1000}, anonymous=True, expect=400
    ).json()
    assert problem["errors"][0]["pointer"]
    visitor.close()


def test_the_currency_cannot_be_changed_while_prices_use_it(manager: Staff, employee: Staff) -> None:
    product, _ = employee.create_product(**product_fields())
    manager.set_price(product["id"], 4900)
    path = "/admin/v1/settings/billing.currency"
    problem = manager.call("PUT", path, json={"value": "USD"}, expect=409).json()
    assert problem["type"].endswith("/currency-in-use")
    assert "EUR" in problem["detail"]
    manager.call("PUT", path, json={"value": "QQQ"}, expect=422)
