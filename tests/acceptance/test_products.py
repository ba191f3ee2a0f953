"""Stories mf-op-01 to mf-op-05, d-po-07, d-po-08 and b-pr-01: from a draft to a product that buyers find."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import MakeCustomer, coat
from tests.support.platform import RunningPlatform
from tools.demo.coat_picture import coat_picture
from tools.demo.people import Customer, Staff, wait_for


@pytest.mark.story("mf-op-01")
def test_an_employee_creates_a_product_with_a_photo(employee: Staff) -> None:
    product, _ = employee.create_product(**coat())
    assert (product["state"], product["price"]) == ("draft", None)
    photo = employee.add_photo(product["id"], coat_picture())
    picture = httpx.get(photo["url"], timeout=10.0)
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/webp"
    assert "immutable" in picture.headers["cache-control"]
    path = f"/shopping/v1/inventory/{product['id']}"
    [shown] = employee.call("GET", path).json()["photos"]
    assert [size["name"] for size in shown["sizes"]] == ["thumbnail", "card", "large"]


@pytest.mark.story("mf-op-02")
def test_an_employee_reorders_and_removes_photos(employee: Staff) -> None:
    product, _ = employee.create_product(**coat())
    path = f"/shopping/v1/inventory/{product['id']}"
    first, second = (employee.add_photo(product["id"], coat_picture())["id"] for _ in range(2))
    match = {"If-Match": employee.call("GET", path).headers["etag"]}
    employee.call("PUT", f"{path}/photos", json={"photo_ids": [second, first]}, headers=match)
    employee.call("DELETE", f"{path}/photos/{first}", expect=204)
    assert [photo["id"] for photo in employee.call("GET", path).json()["photos"]] == [second]


def test_a_file_that_is_no_picture_is_refused(employee: Staff) -> None:
    product, _ = employee.create_product(**coat())
    with pytest.raises(AssertionError, match="not-an-image"):
        employee.add_photo(product["id"], b"#!/bin/sh\necho no picture\n")


@pytest.mark.story("mf-op-02")
def test_an_employee_edits_a_product_but_not_its_price(employee: Staff) -> None:
    product, etag = employee.create_product(**coat())
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
def test_every_price_change_is_in_the_audit_trail_with_old_and_new_value(employee: Staff, manager: Staff) -> None:
    product, _ = employee.create_product(**coat())
    manager.set_price(product["id"], 4900)
    manager.set_price(product["id"], 3900)

    def both_changes() -> list[dict[str, Any]] | None:
        query = {"action": "set_product_price", "limit": 50}
        entries = manager.call("GET", "/admin/v1/audit-entries", params=query).json()["items"]
        ours = [entry for entry in entries if product["id"] in entry["target"]]
        return ours if len(ours) == 2 else None

    newest, oldest = wait_for("two audit entries", both_changes)
    assert oldest["after"]["price"]["amount"] == 4900
    assert newest["before"]["price"]["amount"] == 4900
    assert newest["after"]["price"]["amount"] == 3900
    assert newest["actor_id"].startswith("usr_")


@pytest.mark.story("d-po-08")
@pytest.mark.story("mf-op-04")
def test_a_manager_publishes_and_an_employee_cannot(
    employee: Staff, manager: Staff, new_customer: MakeCustomer
) -> None:
    product, _ = employee.create_product(**coat())
    publication = f"/shopping/v1/inventory/{product['id']}/publication"
    manager.call("POST", publication, json={}, expect=409)
    manager.set_price(product["id"], 4900)
    employee.call("POST", publication, json={}, expect=403)
    visitor = new_customer(verified=False)
    visitor.call("GET", f"/shopping/v1/products/{product['id']}", anonymous=True, expect=404)
    manager.publish(product["id"])
    seen = visitor.call("GET", f"/shopping/v1/products/{product['id']}", anonymous=True).json()
    assert seen["price"] == {"amount": 4900, "currency": "EUR"}


@pytest.mark.story("d-po-08")
def test_a_product_is_published_at_its_time_unless_that_is_cancelled(
    employee: Staff, manager: Staff, new_customer: MakeCustomer
) -> None:
    visitor = new_customer(verified=False)
    timed, cancelled = (employee.create_product(**coat())[0]["id"] for _ in range(2))
    moments = {}
    for product_id in (timed, cancelled):
        manager.set_price(product_id, 4900)
        publication = f"/shopping/v1/inventory/{product_id}/publication"
        moments[product_id] = datetime.now(UTC) + timedelta(seconds=4)
        soon = moments[product_id].isoformat()
        product = manager.call("POST", publication, json={"publish_at": soon}).json()
        assert (product["state"], product["publish_at"] is None) == ("priced", False)
    employee.call("DELETE", publication, expect=403)
    assert manager.call("DELETE", publication).json()["publish_at"] is None

    def on_sale() -> dict[str, Any] | None:
        answer = visitor.call("GET", f"/shopping/v1/products/{timed}", anonymous=True, expect=(200, 404))
        return answer.json() if answer.status_code == 200 else None

    seen = wait_for("the product at its time", on_sale)
    assert datetime.fromisoformat(seen["published_at"]) >= moments[timed] - timedelta(milliseconds=1)
    time.sleep(max(0.0, (moments[cancelled] - datetime.now(UTC)).total_seconds()))
    visitor.call("GET", f"/shopping/v1/products/{cancelled}", anonymous=True, expect=404)


@pytest.mark.story("mf-op-05")
def test_an_employee_resumes_a_withdrawn_product(
    employee: Staff, manager: Staff, published_coat: Callable[..., str], new_customer: MakeCustomer
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
def test_own_sizes_are_found_across_systems_counted_and_recommended(
    platform: RunningPlatform, published_coat: Callable[..., str], new_customer: MakeCustomer
) -> None:
    brand = f"Sizes {uuid.uuid4().hex[:8]}"
    women = {"attributes": {"cut": "women", "material": "wool"}}
    labels = [("EU", "38"), ("UK", "10"), ("letter", "S"), ("EU", "46")]
    made = [
        published_coat(price=1000 + n, brand=brand, sizes=[{"system": system, "value": value}], **women)
        for n, (system, value) in enumerate(labels)
    ]
    visitor = Customer(platform.external_url, platform.ca_file, "visitor@acceptance.example")
    for size in ("EU 38", "US 6", "uk 10"):
        page = visitor.browse(brand=brand, size=size, sort="price_asc")
        assert [item["id"] for item in page["items"]] == made[:3], size
    facets = visitor.call("GET", "/shopping/v1/product-facets", params={"brand": brand}, anonymous=True).json()
    assert {"value": "EU 38", "count": 3} in facets["facets"]["size"]
    assert facets["facets"]["brand"] == [{"value": brand, "count": 4}]
    mistyped = visitor.browse(q="wool caot", brand=brand)
    assert (len(mistyped["items"]), mistyped["searched_for"]) == (4, "wool coat")
    visitor.close()

    buyer = new_customer()
    liked = {"body_sizes": {"EU": "38"}, "preferences": {"brand": brand}}
    buyer.call("PATCH", "/customer/v1/profile", json=liked)

    def recommended() -> bool | None:
        items = buyer.call("GET", "/shopping/v1/recommendations", params={"limit": 3}).json()["items"]
        return [item["id"] for item in items] == made[2::-1] or None

    wait_for("what is recommended by the profile", recommended)


@pytest.mark.story("b-pr-01")
def test_anybody_filters_sorts_and_pages_products_without_a_token(
    platform: RunningPlatform, published_coat: Callable[..., str]
) -> None:
    mine = {published_coat(price=1000 + n, brand="Pagination", colour="teal") for n in range(5)}
    visitor = Customer(platform.external_url, platform.ca_file, "visitor@acceptance.example")
    filters = {"brand": "Pagination", "colour": "teal", "price_min": 1000, "price_max": 1004, "limit": 2}
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(50):
        page = visitor.browse(**filters, sort="price_asc", **({"cursor": cursor} if cursor else {}))
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert mine <= {item["id"] for item in found}
    assert len({item["id"] for item in found}) == len(found)
    prices = [item["price"]["amount"] for item in found]
    assert prices == sorted(prices)
    wrong = visitor.call("GET", "/shopping/v1/products", params={"limit": 1000}, anonymous=True, expect=400).json()
    assert wrong["errors"][0]["pointer"]
    visitor.close()


def test_the_currency_is_kept_while_there_are_prices_in_it(manager: Staff, employee: Staff) -> None:
    product, _ = employee.create_product(**coat())
    manager.set_price(product["id"], 4900)
    path = "/admin/v1/settings/billing.currency"
    refused = manager.call("PUT", path, json={"value": "USD"}, expect=409).json()
    assert refused["type"].endswith("/currency-in-use")
    assert "EUR" in refused["detail"]
    manager.call("PUT", path, json={"value": "QQQ"}, expect=422)
