"""A purchase after its payment, forward and backward, through both gateways and a box controller."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from libs.chassis.clock import now, rfc3339
from tests.acceptance.conftest import MakeCustomer, MakeScene
from tests.acceptance.scene import Scene, refused
from tools.demo.people import Customer, Json, Mailbox, Staff, idempotency_key, wait_for

OPENINGS = "/locker/v1/openings"


@pytest.fixture
def buyer(new_customer: MakeCustomer) -> Customer:
    return new_customer()


def product_in_state(employee: Staff, product_id: str, state: str) -> Json:
    def read() -> Json | None:
        found: Json = employee.call("GET", f"/shopping/v1/inventory/{product_id}").json()
        return found if found["state"] == state else None

    return wait_for(f"product {product_id} to be {state}", read)


def resumed(employee: Staff, product_id: str) -> Json:
    """The product, as soon as it is known to be back."""

    def resume() -> Json | None:
        path = f"/shopping/v1/inventory/{product_id}/resumption"
        answer = employee.call("POST", path, expect=(200, 409))
        found: Json = answer.json()
        return found if answer.status_code == 200 else None

    return wait_for(f"product {product_id} to be resumed", resume)


@pytest.mark.story("b-bu-01")
@pytest.mark.story("b-bu-02")
@pytest.mark.story("b-bu-05")
@pytest.mark.story("b-pa-01")
@pytest.mark.story("b-pa-02")
@pytest.mark.story("b-pa-03")
@pytest.mark.story("b-sh-01")
@pytest.mark.story("b-sh-02")
@pytest.mark.story("b-po-01")
@pytest.mark.story("b-po-02")
@pytest.mark.story("b-po-03")
@pytest.mark.story("mf-bo-02")
def test_a_coat_goes_from_the_shop_into_the_buyers_hands(
    buyer: Customer,
    new_customer: MakeCustomer,
    scene: Scene,
    new_scene: MakeScene,
    published_coat: Callable[..., str],
    mailbox: Mailbox,
) -> None:
    coat_id = published_coat()
    review = buyer.review_order([coat_id], scene.location_id)
    assert (review["total"]["amount"], review["can_be_placed"]) == (4900, True)
    assert (review["pickup_location"]["id"], review["payment_method"]) == (scene.location_id, "card")
    order = scene.buy(buyer, coat_id)
    assert f"/orders/{order['id']}" in mailbox.wait_for_mail(buyer.user_name, "receipt")
    assert not buyer.review_order([coat_id], scene.location_id)["can_be_placed"]

    deliveryman = scene.deliveryman
    package = scene.pack(order["id"])

    assert buyer.wait_for_notification("order-packing", order["id"])
    assert refused(buyer, "POST", OPENINGS, 404, json={"code": scene.controller.code()}) == "nothing-to-open"

    scene.ship(buyer, package)
    assert deliveryman.wait_for_notification("work-order-assigned", scene.location["name"])
    assert scene.location["name"] in buyer.wait_for_notification("order-in-box", order["id"])["text"]
    stranger, elsewhere, code = new_customer(), new_scene(), scene.controller.code()
    assert refused(stranger, "POST", OPENINGS, 404, json={"code": code}) == "nothing-to-open"
    there = {"code": elsewhere.controller.code()}
    assert refused(buyer, "POST", OPENINGS, 404, json=there) == "nothing-to-open"
    [door] = scene.open_soon(buyer, order["id"])
    scene.controller.close_door(door, is_occupied=False)
    again = {"code": scene.controller.code()}
    assert refused(buyer, "POST", OPENINGS, 404, json=again) == "nothing-to-open"
    done = buyer.wait_for_order(order["id"], "picked_up")
    assert buyer.wait_for_notification("order-picked-up", order["id"])
    assert [entry["state"] for entry in done["timeline"]] == [
        "placed",
        "paid",
        "packing",
        "packed",
        "shipping",
        "in_box",
        "picked_up",
    ]

    path = f"/customer/v1/monitored-buying-orders/{order['id']}"

    def whole_and_shipped() -> Json | None:
        found: Json = scene.manager.call("GET", path).json()
        return found if [work["state"] for work in found["work"]] == ["done", "done"] else None

    whole = wait_for("the work to be done", whole_and_shipped)
    assert [work["kind"] for work in whole["work"]] == ["packing", "shipping"]
    assert {work["tracking_code"] for work in whole["work"]} == {package["tracking_code"]}
    assert (whole["payment"]["amount"]["amount"], whole["returns"], whole["refunds"]) == (4900, [], [])


@pytest.mark.story("mf-bo-02")
def test_a_manager_gives_up_an_order_whose_piece_is_not_found(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    order = scene.buy(buyer, coat_id)
    scene.give_work("packing", order["id"], scene.employee)
    path = f"/customer/v1/monitored-buying-orders/{order['id']}/forced-cancellation"
    body = {"reason": "The coat is not on its shelf", "missing_product_ids": [coat_id]}
    assert refused(scene.employee, "POST", path, 403, json=body) == "forbidden"
    given_up = scene.manager.call("POST", path, json=body).json()
    assert (given_up["state"], given_up["cancel_reason"]) == ("cancelled", "force_cancelled")
    assert "we are sorry" in buyer.wait_for_notification("order-cancelled", order["id"])["text"]

    def refunded() -> Json | None:
        found: Json = buyer.call("GET", f"/customer/v1/buying-orders/{order['id']}").json()
        return found if found["refunds"] else None

    assert wait_for("the money", refunded)["refunds"][0]["amount"] == order["total"]
    assert scene.employee.call("GET", f"/shopping/v1/inventory/{coat_id}").json()["state"] == "sold"

    assert resumed(scene.employee, coat_id)["state"] == "draft"


@pytest.mark.story("b-pa-02")
def test_the_label_of_a_purchase_is_printed_by_who_packs_it(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    order = scene.buy(buyer, published_coat())
    scene.give_work("packing", order["id"], scene.employee)
    package = scene.employee.create_package(order["id"])
    for form, begin in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        label = scene.employee.call("GET", f"/admin/v1/packages/{package['id']}/label.{form}")
        assert label.content.startswith(begin)


@pytest.mark.story("rb-c-01")
def test_an_order_is_cancelled_until_it_is_shipped(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    unpaid = buyer.place_order([coat_id], scene.location_id)
    assert buyer.cancel_order(unpaid["id"])["state"] == "cancelled"
    assert "Nothing was charged" in buyer.wait_for_notification("order-cancelled", unpaid["id"])["text"]

    order = scene.buy(buyer, coat_id)
    scene.pack(order["id"])
    scene.give_work("shipping", order["id"], scene.deliveryman)
    assert [buyer.cancel_order(order["id"])["state"] for _ in range(2)] == ["cancelled", "cancelled"]
    assert "given back" in buyer.wait_for_notification("order-cancelled", order["id"])["text"]
    product_in_state(scene.employee, coat_id, "published")

    def all_free() -> bool | None:
        occupancy = scene.manager.call("GET", f"/locker/v1/occupancies/{scene.location_id}").json()
        return occupancy["boxes"]["free"] == 3 or None

    assert wait_for("the box to be free again", all_free)
    code = {"code": scene.controller.code()}
    assert refused(scene.deliveryman, "POST", OPENINGS, 404, json=code) == "nothing-to-open"

    shipped = scene.buy(buyer, coat_id)
    scene.ship(buyer, scene.pack(shipped["id"]))
    assert buyer.cancel_order(shipped["id"], expect=409)["type"].endswith("/illegal-transition")


@pytest.mark.story("rb-r-re-01")
@pytest.mark.story("rb-r-re-02")
@pytest.mark.story("rb-r-re-03")
@pytest.mark.story("rb-r-co-01")
@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-04")
@pytest.mark.story("mf-bo-03")
def test_a_coat_that_does_not_fit_comes_back_and_is_sold_again(
    buyer: Customer, new_customer: MakeCustomer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id = published_coat(), published_coat(1500, title="Straw hat", category="hats")
    order = scene.deliver(buyer, coat_id, hat_id)
    made = buyer.return_purchase(order["id"], scene.location_id, coat_id)
    assert (made["state"], made["price"]["amount"], made["is_whole_order"]) == ("created", 4900, False)
    stranger = new_customer()
    stranger.return_purchase(order["id"], scene.location_id, expect=404)
    stranger.call("GET", f"/customer/v1/buying-returns/{made['id']}", expect=404)
    code = {"code": scene.controller.code()}
    assert refused(stranger, "POST", OPENINGS, 404, json=code) == "nothing-to-open"

    package = scene.take_back(buyer, made)
    assert scene.location["name"] in buyer.wait_for_notification("return-deposited", order["id"])["text"]
    assert buyer.wait_for_notification("return-collected", order["id"])
    scene.check(package, "good")
    checked = wait_for(
        "the result",
        lambda: (
            found
            if (found := buyer.call("GET", f"/customer/v1/buying-returns/{made['id']}").json())["refund"]
            else None
        ),
    )
    assert checked["refund"] == {"amount": 4900, "currency": "EUR"}
    assert "49.00" in buyer.wait_for_notification("return-checked-good", order["id"])["text"]
    query = {"order_id": order["id"]}
    listed = scene.employee.call("GET", "/customer/v1/monitored-buying-returns", params=query).json()["items"]
    assert [found["id"] for found in listed] == [made["id"]]

    path = f"/shopping/v1/inventory/{coat_id}/resumption"
    draft = resumed(scene.employee, coat_id)
    assert (draft["state"], draft["price"]) == ("draft", None)
    assert refused(scene.employee, "POST", path, 409) == "illegal-transition"
    scene.manager.set_price(coat_id, 3900)
    scene.manager.publish(coat_id)
    assert stranger.review_order([coat_id], scene.location_id)["total"]["amount"] == 3900


@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-02")
def test_of_a_torn_coat_staff_and_buyer_agree_on_the_refund(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id = published_coat()
    order = scene.deliver(buyer, coat_id)
    made = buyer.return_purchase(order["id"], scene.location_id)
    scene.check(scene.take_back(buyer, made), "bad")
    assert buyer.wait_for_purchase_return(made["id"], "checked_bad")["refund"] is None
    assert buyer.wait_for_notification("return-checked-bad", order["id"])

    path, employee = "/admin/v1/return-contacts", scene.employee
    agreed = {"return_id": made["id"], "contacted_at": rfc3339(now() - timedelta(minutes=1)), "channel": "phone"}
    too_much = agreed | {"refund": {"amount": 4901, "currency": "EUR"}}
    assert refused(employee, "POST", path, 422, json=too_much, headers=idempotency_key()) == "refund-too-high"
    half = agreed | {"refund": {"amount": 2450, "currency": "EUR"}, "note": "Torn at the sleeve"}
    employee.call("POST", path, json=half, headers=idempotency_key(), expect=201)
    assert refused(employee, "POST", path, 409, json=half, headers=idempotency_key()) == "refund-decided"
    assert refused(scene.deliveryman, "POST", path, 403, json=half, headers=idempotency_key()) == "forbidden"

    def decided() -> Json | None:
        found: Json = buyer.call("GET", f"/customer/v1/buying-returns/{made['id']}").json()
        return found if found["refund"] else None

    assert wait_for("the refund", decided)["refund"]["amount"] == 2450
    product_in_state(employee, coat_id, "recycled")


def coat_and_hat_come_back(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> tuple[str, str, Json, Json]:
    """Both products, their return, and its package, which is to be checked."""
    coat_id, hat_id = published_coat(), published_coat(1500, title="Straw hat", category="hats")
    order = scene.deliver(buyer, coat_id, hat_id)
    made = buyer.return_purchase(order["id"], scene.location_id)
    return coat_id, hat_id, made, scene.take_back(buyer, made)


@pytest.mark.story("rb-r-po-01")
@pytest.mark.story("rb-r-po-02")
@pytest.mark.story("rb-r-po-03")
@pytest.mark.story("rb-r-po-04")
def test_of_a_coat_and_a_torn_hat_the_coat_is_paid_back_at_once(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id, made, package = coat_and_hat_come_back(buyer, scene, published_coat)
    checked = scene.check_pieces(package, **{coat_id: "good", hat_id: "bad"})
    assert [one["result"] for one in checked["orders"][0]["contents"]] == ["good", "bad"]

    def refunds() -> list[int]:
        found = buyer.call("GET", "/billing/v1/refunds", params={"order_id": made["order_id"]}).json()["items"]
        return sorted(one["amount"]["amount"] for one in found if one["state"] == "made")

    assert wait_for("the price of the coat", lambda: refunds() or None) == [4900]
    shown = buyer.wait_for_purchase_return(made["id"], "checked_bad")
    assert [(one["result"], one["reason"]) for one in shown["items"]] == [("good", None), ("bad", "Torn")]
    said = buyer.wait_for_notification("return-checked-bad", made["order_id"])["text"]
    assert "- Straw hat" in said
    assert "you get €49.00 back" in said
    assert resumed(scene.employee, coat_id)["state"] == "draft"

    path = "/admin/v1/return-contacts"
    agreed = {"return_id": made["id"], "contacted_at": rfc3339(now() - timedelta(minutes=1)), "channel": "phone"}
    too_much = agreed | {"refund": {"amount": 1501, "currency": "EUR"}}
    assert refused(scene.employee, "POST", path, 422, json=too_much, headers=idempotency_key()) == "refund-too-high"
    half = agreed | {"refund": {"amount": 750, "currency": "EUR"}}
    scene.employee.call("POST", path, json=half, headers=idempotency_key(), expect=201)
    done = buyer.wait_for_purchase_return(made["id"], "completed")
    assert done["refund"] == {"amount": 5650, "currency": "EUR"}
    assert refunds() == [750, 4900]
    product_in_state(scene.employee, hat_id, "recycled")


@pytest.mark.story("mf-bo-03")
def test_a_return_that_was_given_up_is_found_and_checked(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str]
) -> None:
    coat_id, hat_id, made, package = coat_and_hat_come_back(buyer, scene, published_coat)
    path = f"/customer/v1/monitored-buying-returns/{made['id']}/forced-cancellation"
    given_up = scene.manager.call("POST", path, json={"reason": "It fell off the van"}).json()
    assert given_up["refund"] == {"amount": 6400, "currency": "EUR"}
    buyer.wait_for_purchase_return(made["id"], "completed")

    scene.check_pieces(package, **{coat_id: "good", hat_id: "bad"})
    product_in_state(scene.employee, hat_id, "recycled")
    assert resumed(scene.employee, coat_id)["state"] == "draft"
    contact = {"return_id": made["id"], "contacted_at": rfc3339(now() - timedelta(minutes=1)), "channel": "phone"}
    contact |= {"refund": {"amount": 100, "currency": "EUR"}}
    headers = idempotency_key()
    refusal = refused(scene.employee, "POST", "/admin/v1/return-contacts", 409, json=contact, headers=headers)
    assert refusal == "return-given-up"


@pytest.mark.story("mf-op-05")
def test_an_employee_resumes_a_withdrawn_product(
    scene: Scene, published_coat: Callable[..., str], buyer: Customer
) -> None:
    coat_id = published_coat()
    path = f"/shopping/v1/inventory/{coat_id}"
    scene.manager.call("DELETE", f"{path}/publication")
    buyer.call("GET", f"/shopping/v1/products/{coat_id}", anonymous=True, expect=404)
    assert scene.employee.call("POST", f"{path}/resumption").json()["state"] == "published"
    assert buyer.call("GET", f"/shopping/v1/products/{coat_id}", anonymous=True).json()["price"]["amount"] == 4900
    assert refused(scene.employee, "POST", f"{path}/resumption", 409) == "illegal-transition"


@pytest.mark.story("mf-bo-01")
@pytest.mark.story("mf-eu-05")
@pytest.mark.story("mf-eu-06")
def test_staff_sees_who_buys_how_much(
    buyer: Customer, scene: Scene, published_coat: Callable[..., str], employee: Staff, manager: Staff
) -> None:
    since = rfc3339(now())
    dear = scene.buy(buyer, published_coat(4900))
    cheap = buyer.place_order([published_coat(900)], scene.location_id)
    query = {"pickup_location_id": scene.location_id, "sort": "total_asc", "placed_from": since}
    listed = employee.call("GET", "/customer/v1/monitored-buying-orders", params=query).json()["items"]
    assert [order["id"] for order in listed] == [cheap["id"], dear["id"]]
    counts = employee.call("GET", f"/customer/v1/order-counts/{buyer.user_id}").json()
    assert (counts["buying_orders"]["total"], counts["buying_orders"]["by_state"]["placed"]) == (2, 1)
    assert counts["donating_orders"]["total"] == 0
    period = {"since": since, "until": rfc3339(now() + timedelta(minutes=1))}
    top = manager.call("GET", "/customer/v1/top-buyers", params=period).json()["items"]
    assert buyer.user_id in [one["customer_id"] for one in top]
    assert "items" in manager.call("GET", "/customer/v1/top-donors", params=period).json()
    for path in ("top-buyers", "top-donors"):
        assert refused(employee, "GET", f"/customer/v1/{path}", 403, params=period) == "forbidden"
