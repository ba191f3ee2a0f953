"""The HTTP operations of shopping: contract, scopes, ETags and responses."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from pymongo.errors import OperationFailure
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from libs.chassis import circuit_breaker, clock, db, security, settings
from libs.chassis.app import create_app
from services.shopping import app
from services.shopping.inventory import api as inventory_api
from services.shopping.photos import photo_files
from services.shopping.products import product_store, revision
from services.shopping.products.rules import Product
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import FACTS, id_of, outbox
from tests.integration.shopping.test_photos import picture

Json = dict[str, Any]
EMPLOYEE = "shopping:products:read shopping:products:write"
MANAGER = f"{EMPLOYEE} shopping:prices:write shopping:products:publish"


class Api:
    """A client of the service."""

    def __init__(self, client: TestClient, key: ECKey) -> None:
        self._client = client
        self._key = key

    def call(self, method: str, path: str, scope: str | None = None, **more: Any) -> httpx.Response:
        """Send a request with a token of these scopes; without a token when `scope` is None."""
        expected = more.pop("expect", 200)
        headers = more.pop("headers", {})
        if scope is not None:
            headers["Authorization"] = f"Bearer {self._token(scope, more.pop('subject', id_of('usr', 'me')))}"
        response: httpx.Response = self._client.request(method, path, headers=headers, **more)
        assert response.status_code == expected, response.text
        return response

    def create(self, expect: int = 201, **facts: Any) -> httpx.Response:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return self.call(
            "POST", "/shopping/v1/inventory", EMPLOYEE, json={**FACTS, **facts}, headers=headers, expect=expect
        )

    def _token(self, scope: str, subject: str) -> str:
        now = int(clock.now().timestamp())
        staff = "shopping:products:read" in scope
        claims = {
            "iss": settings.settings().jwt_issuer,
            "aud": settings.settings().jwt_audience,
            "sub": subject,
            "kind": "internal" if staff else "customer",
            "roles": ["manager"] if scope == MANAGER else [],
            "scope": scope,
            "iat": now,
            "exp": now + 60,
            "jti": uuid.uuid4().hex,
        }
        return jwt.encode({"alg": "ES256", "kid": "k"}, claims, self._key)


@pytest.fixture
def api(provisioned: ShoppingSettings) -> Api:
    key = ECKey.generate_key("P-256", {"kid": "k"})
    security.use_keys({"k": key})
    photo_files.photo_bucket().create_if_missing()
    return Api(TestClient(create_app(app.service), base_url="https://shopping.test"), key)


def test_the_catalogue_works_without_the_relational_database(api: Api) -> None:
    with settings.overridden(database_url="mysql+pymysql://root@127.0.0.1:9/no_shopping"):
        for _ in range(circuit_breaker.FAILURES):
            with pytest.raises(OperationalError):
                db.ping()
        with pytest.raises(OperationalError, match="circuit"):
            db.ping()
        assert api.call("GET", "/shopping/v1/products").json()["items"] == []


@pytest.mark.story("d-po-06")
@pytest.mark.story("mf-op-04")
def test_a_draft_is_priced_published_and_withdrawn(api: Api) -> None:
    created = api.create()
    draft: Json = created.json()
    assert (draft["state"], draft["price"], created.headers["etag"]) == ("draft", None, '"1"')
    path = created.headers["location"]
    assert path.endswith(draft["id"])
    api.call("GET", f"/shopping/v1/products/{draft['id']}", expect=404)

    price = {"price": {"amount": 4900, "currency": "EUR"}}
    priced = api.call("PUT", f"{path}/price", MANAGER, json=price, headers={"If-Match": '"1"'})
    assert (priced.json()["state"], priced.headers["etag"]) == ("priced", '"2"')
    api.call("POST", f"{path}/publication", MANAGER)
    seen = api.call("GET", f"/shopping/v1/products/{draft['id']}").json()
    assert (seen["price"], seen["state"]) == (price["price"], "published")
    assert "version" not in seen

    page = api.call("GET", "/shopping/v1/products", params={"q": "coats", "price_max": 4900, "size": "38"}).json()
    assert [item["id"] for item in page["items"]] == [draft["id"]]
    listed = api.call("GET", "/shopping/v1/inventory", EMPLOYEE, params={"state": "published"}).json()
    assert [item["version"] for item in listed["items"]] == [3]
    withdrawn = api.call("DELETE", f"{path}/publication", MANAGER)
    assert withdrawn.json()["state"] == "withdrawn"
    api.call("GET", f"/shopping/v1/products/{draft['id']}", expect=404)


def test_creation_and_edit_reject_a_price(api: Api) -> None:
    price = {"amount": 100, "currency": "EUR"}
    problem = api.create(price=price, expect=400).json()
    assert problem["errors"]
    path = api.create().headers["location"]
    api.call("PATCH", path, EMPLOYEE, json={"price": price}, headers={"If-Match": '"1"'}, expect=400)


@pytest.mark.story("mf-op-02")
def test_the_second_of_two_concurrent_edits_is_rejected(api: Api) -> None:
    path = api.create().headers["location"]
    api.call("PATCH", path, EMPLOYEE, json={"title": "First"}, expect=428)
    edited = api.call("PATCH", path, EMPLOYEE, json={"title": "First"}, headers={"If-Match": '"1"'})
    assert (edited.json()["title"], edited.headers["etag"]) == ("First", '"2"')
    api.call("PATCH", path, EMPLOYEE, json={"title": "Second"}, headers={"If-Match": '"1"'}, expect=412)
    assert api.call("GET", path, EMPLOYEE).json()["title"] == "First"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "publication"), ("DELETE", "publication"), ("POST", "resumption")]
)
def test_publishing_withdrawing_and_resuming_check_if_match(
    api: Api, published: Callable[..., Product], method: str, path: str
) -> None:
    product = published()
    product_path = f"/shopping/v1/inventory/{product.id}"
    if method == "POST":
        api.call("DELETE", f"{product_path}/publication", MANAGER)
    read = api.call("GET", product_path, MANAGER).headers["etag"]
    price = {"price": {"amount": 1, "currency": "EUR"}}
    current = api.call("PUT", f"{product_path}/price", MANAGER, json=price, headers={"If-Match": read}).headers[
        "etag"
    ]
    api.call(method, f"{product_path}/{path}", MANAGER, headers={"If-Match": read}, expect=412)
    api.call(method, f"{product_path}/{path}", MANAGER, headers={"If-Match": current})


def test_a_concurrent_change_is_detected_with_if_match_only(
    api: Api, published: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = published()
    path = f"/shopping/v1/inventory/{product.id}"
    get = product_store.get_product

    def get_before_edit(product_id: str) -> Product:
        read = get(product_id)
        monkeypatch.setattr(inventory_api, "get_product", get)
        api.call("PATCH", path, EMPLOYEE, json={"title": "Other"}, headers={"If-Match": f'"{read.version}"'})
        return read

    monkeypatch.setattr(inventory_api, "get_product", get_before_edit)
    api.call("DELETE", f"{path}/publication", MANAGER, headers={"If-Match": f'"{product.version}"'}, expect=412)
    assert api.call("DELETE", f"{path}/publication", MANAGER).json()["state"] == "withdrawn"


def test_operations_require_their_scopes(api: Api) -> None:
    path = api.create().headers["location"]
    price = {"price": {"amount": 4900, "currency": "EUR"}}
    api.call("PUT", f"{path}/price", EMPLOYEE, json=price, headers={"If-Match": '"1"'}, expect=403)
    api.call("POST", f"{path}/publication", EMPLOYEE, expect=403)
    api.call("GET", path, "shopping:cart", expect=403)
    api.call("GET", path, expect=401)
    api.call("GET", "/shopping/v1/cart", expect=401)
    api.call("POST", "/shopping/v1/holds", "shopping:cart", json={}, expect=403)


def test_the_same_key_creates_one_product(api: Api) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first = api.call("POST", "/shopping/v1/inventory", EMPLOYEE, json=FACTS, headers=dict(headers), expect=201)
    again = api.call("POST", "/shopping/v1/inventory", EMPLOYEE, json=FACTS, headers=dict(headers), expect=201)
    assert again.json() == first.json()
    assert len(api.call("GET", "/shopping/v1/inventory", EMPLOYEE).json()["items"]) == 1


def test_every_staff_change_is_audited_once(api: Api) -> None:
    path = api.create().headers["location"]
    api.call("PATCH", path, EMPLOYEE, json={"title": "First"}, headers={"If-Match": '"1"'})
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"content_type": "image/png", "size": 100}
    api.call("POST", f"{path}/photos", EMPLOYEE, json=body, headers=headers, expect=201)
    entries = outbox("shopping.audit.recorded.v1")
    assert [entry["action"] for entry in entries] == ["create_product", "edit_product", "create_photo_upload"]
    assert (entries[1]["before"], entries[1]["after"]) == ({"title": FACTS["title"]}, {"title": "First"})
    assert {entry["source_ip"] for entry in entries} == {"testclient"}


def test_a_product_that_breaks_the_contract_is_left_out_of_lists(
    api: Api, published: Callable[..., Product]
) -> None:
    coat, *broken = [published() for _ in range(5)]
    faults: list[Json] = [
        {"sizes": [{"system": "EU"}]},
        {"attributes": {"material": 5}},
        {"title": "", "facets": [{"term": "unknown:x", "label": "x"}, {"label": 5}]},
        {"price": {"amount": -1, "currency": "EURO"}},
    ]
    for product, fields in zip(broken, faults, strict=True):
        product_store.products_collection().update_one({"_id": product.id}, {"$set": fields})
    revision.replace_revision()
    for path, scope in (
        ("/shopping/v1/products", None),
        ("/shopping/v1/inventory", EMPLOYEE),
        ("/shopping/v1/recommendations", "shopping:cart"),
    ):
        assert [item["id"] for item in api.call("GET", path, scope).json()["items"]] == [coat.id], path
    facets = api.call("GET", "/shopping/v1/product-facets").json()["facets"]
    assert facets["category"][0]["value"] == "coats"


def test_a_size_with_a_comma_can_be_searched(api: Api, published: Callable[..., Product]) -> None:
    def labelled(value: str) -> str:
        return published(category="shoes", sizes=[{"system": "UK", "value": value}]).id

    half, six, petite = labelled("6,5"), labelled("6"), labelled("6, petite")
    for size, expected in (
        ("UK 6,5", {half}),
        ("UK 6.5", {half}),
        ("UK 6,UK 6,5", {six, half}),
        ('"UK 6, petite"', {petite}),
        ('"UK 6, petite",UK 6,5', {petite, half}),
    ):
        page = api.call("GET", "/shopping/v1/products", params={"size": size}).json()
        assert {item["id"] for item in page["items"]} == expected, size


def test_a_failing_document_store_is_503_with_retry_after(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise OperationFailure("internal error: No space left on device", 1)

    monkeypatch.setattr(product_store, "find_products", fail)
    response = api.call("GET", f"/shopping/v1/products/prd_{uuid.uuid4().hex}", expect=503)
    assert response.headers["retry-after"] == "2"


@pytest.mark.story("d-po-06")
def test_photo_operations(api: Api) -> None:
    path, content = api.create().headers["location"], picture()
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"content_type": "image/png", "size": len(content)}
    ticket = api.call("POST", f"{path}/photos", EMPLOYEE, json=body, headers=headers, expect=201).json()
    completion = f"{path}/photos/{ticket['photo_id']}/completion"
    problem = api.call("POST", completion, EMPLOYEE, expect=409).json()
    assert problem["type"].endswith("/photo-not-uploaded")
    httpx.post(ticket["upload"]["url"], data=ticket["upload"]["fields"], files={"file": ("x", content)})
    photo = api.call("POST", completion, EMPLOYEE).json()
    assert httpx.get(photo["url"]).headers["content-type"] == "image/webp"
    read = api.call("GET", path, EMPLOYEE)
    assert read.json()["photos"] == [photo]
    order, match = {"photo_ids": [photo["id"]]}, {"If-Match": read.headers["etag"]}
    api.call("PUT", f"{path}/photos", EMPLOYEE, json=order, expect=428)
    reordered = api.call("PUT", f"{path}/photos", EMPLOYEE, json=order, headers=match)
    assert (reordered.json()["photos"], reordered.json()["version"]) == ([photo], read.json()["version"] + 1)
    api.call("PUT", f"{path}/photos", EMPLOYEE, json=order, headers=match, expect=412)
    api.call("DELETE", f"{path}/photos/{photo['id']}", EMPLOYEE, expect=204)
    assert api.call("GET", path, EMPLOYEE).json()["photos"] == []


@pytest.mark.story("b-pr-02")
def test_each_customer_has_their_own_cart(api: Api, published: Callable[..., Product]) -> None:
    coat = published(4900)
    item = f"/shopping/v1/cart/items/{coat.id}"
    cart = api.call("PUT", item, "shopping:cart").json()
    assert cart["total"] == {"amount": 4900, "currency": "EUR"}
    assert (cart["items"][0]["changed"], cart["items"][0]["available"]) == (None, True)
    assert api.call("GET", "/shopping/v1/cart", "shopping:cart").json() == cart
    other = api.call("GET", "/shopping/v1/cart", "shopping:cart", subject=id_of("usr", "other")).json()
    assert (other["items"], other["updated_at"]) == ([], None)
    assert api.call("DELETE", item, "shopping:cart").json()["items"] == []


@pytest.mark.story("b-bu-03")
def test_hold_operations(api: Api, published: Callable[..., Product]) -> None:
    coat = published(4900)
    order_id = id_of("bor", "1")
    body = {"order_id": order_id, "buyer_id": id_of("usr", "me"), "product_ids": [coat.id]}
    seen = {"expected_total": {"amount": 3900, "currency": "EUR"}}
    problem = api.call("POST", "/shopping/v1/holds", "shopping:holds", json=body | seen, expect=409).json()
    assert problem["type"].endswith("/price-changed")
    assert problem["total"] == {"amount": 4900, "currency": "EUR"}
    api.call("GET", f"/shopping/v1/holds/{order_id}", "shopping:holds", expect=404)
    body["expected_total"] = problem["total"]
    held = api.call("POST", "/shopping/v1/holds", "shopping:holds", json=body, expect=201).json()
    assert (held["state"], held["total"]) == ("active", {"amount": 4900, "currency": "EUR"})
    assert api.call("POST", "/shopping/v1/holds", "shopping:holds", json=body, expect=201).json() == held
    problem = api.call(
        "POST", "/shopping/v1/holds", "shopping:holds", json={**body, "order_id": id_of("bor", "2")}, expect=409
    ).json()
    assert problem["type"].endswith("/product-unavailable")
    assert problem["unavailable_product_ids"] == [coat.id]
    path = f"/shopping/v1/holds/{order_id}"
    assert api.call("GET", path, "shopping:holds").json() == held
    api.call("DELETE", path, "shopping:holds", expect=204)
    assert api.call("GET", path, "shopping:holds").json()["state"] == "released"
    api.call("GET", f"/shopping/v1/holds/{id_of('bor', 'x')}", "shopping:holds", expect=404)


@pytest.mark.story("d-po-08")
def test_a_scheduled_publication(api: Api) -> None:
    path = api.create().headers["location"]
    price = {"price": {"amount": 4900, "currency": "EUR"}}
    api.call("PUT", f"{path}/price", MANAGER, json=price, headers={"If-Match": '"1"'})
    later = clock.rfc3339((clock.now() + timedelta(days=1)).replace(microsecond=0))
    product = api.call("POST", f"{path}/publication", MANAGER, json={"publish_at": later}).json()
    assert (product["state"], product["publish_at"]) == ("priced", later)
    api.call("POST", f"{path}/publication", MANAGER, json={"publish_at": "tomorrow"}, expect=400)


def test_without_the_document_database_the_response_is_503(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with settings.overridden(mongo_url="mongodb://127.0.0.1:1/x"):
        problem = api.call("GET", "/shopping/v1/products", expect=503).json()
    assert problem["status"] == 503


@pytest.mark.story("b-pr-02")
def test_anonymous_cart_operations(api: Api, published: Callable[..., Product]) -> None:
    coat = published(4900)
    token = api.call("POST", "/shopping/v1/anonymous-carts").json()["cart_token"]
    item, header = f"/shopping/v1/anonymous-cart/items/{coat.id}", {"Cart-Token": token}
    assert api.call("PUT", item, headers=dict(header)).json()["total"]["amount"] == 4900
    for headers in ({}, {"Cart-Token": "rcc_short"}):
        api.call("GET", "/shopping/v1/anonymous-cart", headers=headers, expect=400)
    merging, body = "/shopping/v1/cart/merging", {"cart_token": token}
    api.call("POST", merging, json=body, expect=401)
    api.call("POST", merging, "customer:profile", json=body, expect=403)
    merged = api.call("POST", merging, "shopping:cart", json=body).json()
    assert ([item["product_id"] for item in merged["cart"]["items"]], merged["not_merged_product_ids"]) == (
        [coat.id],
        [],
    )
    assert api.call("GET", "/shopping/v1/anonymous-cart", headers=dict(header)).json()["items"] == []
    assert api.call("DELETE", item, headers=dict(header)).json()["items"] == []


@pytest.mark.story("b-pr-01")
def test_facet_and_recommendation_operations(api: Api, published: Callable[..., Product]) -> None:
    coat = published(attributes={"cut": "women"})
    filters = {"size": "UK 10,EU 60", "colour": "navy"}
    facets = api.call("GET", "/shopping/v1/product-facets", params=filters).json()["facets"]
    assert {"value": "EU 38", "count": 1} in facets["size"]
    page = api.call("GET", "/shopping/v1/products", params=filters).json()
    assert [item["id"] for item in page["items"]] == [coat.id]
    api.call("GET", "/shopping/v1/recommendations", expect=401)
    page = api.call("GET", "/shopping/v1/recommendations", "shopping:cart").json()
    assert ([item["id"] for item in page["items"]], page["next_cursor"]) == ([coat.id], None)


@pytest.mark.story("mf-op-05")
def test_an_employee_resumes_a_withdrawn_product(api: Api, published: Callable[..., Product]) -> None:
    path = f"/shopping/v1/inventory/{published().id}"
    api.call("POST", f"{path}/resumption", EMPLOYEE, expect=409)
    api.call("DELETE", f"{path}/publication", MANAGER)
    assert api.call("POST", f"{path}/resumption", EMPLOYEE).json()["state"] == "published"
