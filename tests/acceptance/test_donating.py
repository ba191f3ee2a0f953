"""Donations and their returns, through both gateways and a box controller (stories d-*, rd-*, mf-*)."""

from __future__ import annotations

import io
import uuid

import httpx
import pytest
import zxingcpp
from PIL import Image

from libs.chassis.door_grants import GrantRefused
from tests.acceptance.conftest import CustomerFactory, SiteFactory
from tests.acceptance.site import COAT, STORY, Site, expect_problem
from tools.demo.coat_picture import coat_picture
from tools.demo.people import Customer, Json, Mailbox, Staff, idempotency_key, wait_for


@pytest.fixture
def donor(new_customer: CustomerFactory) -> Customer:
    return new_customer()


@pytest.mark.story("d-pr-01")
@pytest.mark.story("d-pr-02")
def test_a_donor_drafts_a_donation_with_photos_and_a_story(donor: Customer) -> None:
    order = donor.create_donation(COAT | {"story": STORY, "brand": "Tejo"})
    assert order["state"] == "draft"
    [item] = order["items"]
    assert (item["story"], item["category"]) == (STORY, "coats")

    content = io.BytesIO()
    Image.new("RGB", (60, 80), "navy").save(content, "JPEG")
    photos = f"/customer/v1/donating-orders/{order['id']}/items/{item['id']}/photos"
    photo_id = donor.upload_photo(photos, content.getvalue(), "image/jpeg")
    photo = donor.call("POST", f"{photos}/{photo_id}/completion").json()
    assert httpx.get(photo["url"]).content == content.getvalue()

    too_large = {"content_type": "image/jpeg", "size": 10 * 1024 * 1024 + 1}
    assert expect_problem(donor, "POST", photos, 400, json=too_large, headers=idempotency_key()) == "bad-request"
    script_id = donor.upload_photo(photos, b"#!/bin/sh\necho no photo\n")
    assert expect_problem(donor, "POST", f"{photos}/{script_id}/completion", 422) == "not-an-image"


@pytest.mark.story("d-pr-03")
@pytest.mark.story("d-pr-04")
def test_a_donor_finds_the_nearest_location_and_a_box_is_held(donor: Customer, new_site: SiteFactory) -> None:
    position = {"lat": -21.1, "lon": 55.5}
    near, far = new_site(position=position, boxes=1), new_site(position={"lat": -20.9, "lon": 55.5})
    query = {"near_lat": position["lat"], "near_lon": position["lon"], "limit": 2}
    locations = donor.call("GET", "/locker/v1/locations", params=query, anonymous=True).json()["items"]
    ids = [location["id"] for location in locations]
    assert near.location_id in ids
    assert locations[0]["distance_m"] <= locations[1]["distance_m"]

    order = donor.create_donation(COAT)
    submitted = donor.submit_donation(order["id"], near.location_id)
    assert (submitted["state"], submitted["location"]["id"]) == ("submitted", near.location_id)
    assert submitted["box"]["label"] == "A1"
    occupancy = near.manager.call("GET", f"/locker/v1/occupancies/{near.location_id}").json()
    assert occupancy["boxes"] == {"free": 0, "held": 1, "occupied": 0, "out_of_service": 0}

    other = donor.create_donation(COAT)
    problem = donor.submit_donation(other["id"], near.location_id, expect=409)
    assert problem["type"].endswith("/location-full")
    assert donor.donation(other["id"])["state"] == "draft"
    assert donor.submit_donation(other["id"], far.location_id)["state"] == "submitted"


@pytest.mark.story("d-do-01")
@pytest.mark.story("d-do-02")
@pytest.mark.story("d-do-03")
def test_the_door_opens_only_for_the_donor_and_the_order(
    donor: Customer, new_customer: CustomerFactory, site: Site, new_site: SiteFactory, mailbox: Mailbox
) -> None:
    order = donor.create_donation(COAT | {"story": STORY})
    donor.submit_donation(order["id"], site.location_id)
    stranger, other_site = new_customer(), new_site()
    code = site.controller.code()
    openings = "/locker/v1/openings"
    assert expect_problem(stranger, "POST", openings, 404, json={"code": code}) == "nothing-to-open"
    assert (
        expect_problem(donor, "POST", openings, 404, json={"code": other_site.controller.code()})
        == "nothing-to-open"
    )
    forged = code[:-4] + ("AAAA" if code[-4:] != "AAAA" else "BBBB")
    assert expect_problem(donor, "POST", openings, 422, json={"code": forged}) == "code-unknown"

    [door] = site.open_doors(donor, order["id"], code)
    assert expect_problem(donor, "POST", openings, 409, json={"code": code}) == "code-used"
    site.controller.close_door(door, is_occupied=True)
    donor.wait_for_donation(order["id"], "deposited")
    assert donor.wait_for_notification("donation-deposited", order["id"])
    mailbox.wait_for_mail(donor.user_name, "donation")
    rewards = {reason: donor.wait_for_coins(reason) for reason in ("deposit", "first_donation", "story")}
    assert all(coins > 0 for coins in rewards.values())
    assert donor.call("GET", "/billing/v1/coins").json()["balance"] == sum(rewards.values())
    assert expect_problem(donor, "POST", openings, 404, json={"code": site.controller.code()}) == "nothing-to-open"


@pytest.mark.story("d-co-01")
@pytest.mark.story("d-co-02")
@pytest.mark.story("d-co-03")
@pytest.mark.story("d-co-04")
@pytest.mark.story("mf-co-01")
@pytest.mark.story("mf-co-02")
@pytest.mark.story("mf-co-03")
@pytest.mark.story("mf-co-04")
@pytest.mark.story("mf-co-05")
@pytest.mark.story("mf-dob-04")
def test_deposits_at_the_threshold_are_collected_by_the_deliveryman(
    new_customer: CustomerFactory, new_site: SiteFactory, employee: Staff
) -> None:
    site = new_site(threshold=2)
    donors = [new_customer(), new_customer()]
    orders = [site.deposit_donation(donor) for donor in donors]
    paulo = site.deliveryman
    work_order = paulo.wait_for_own_work_order("collecting", orders[0]["id"])
    assert {order["order_id"] for order in work_order["orders"]} == {order["id"] for order in orders}
    assert paulo.wait_for_notification("work-order-assigned", site.location["name"])
    path = f"/admin/v1/collecting-orders/{work_order['id']}"
    assert expect_problem(site.manager, "GET", path, 403) == "forbidden"
    assert expect_problem(employee, "GET", path, 403) == "forbidden"

    packages = [paulo.create_package(order["id"]) for order in orders]
    for package in packages:
        assert read_barcodes(paulo, package) == {package["tracking_code"]}
    for order in orders:
        site.wait_for_door_right(paulo, order["id"])
    doors = site.open_doors(paulo)
    assert len(doors) == 2
    for door in doors:
        site.controller.close_door(door, is_occupied=False)

    first, second = (package["tracking_code"] for package in packages)
    mistyped = first[:-1] + str((int(first[-1]) + 1) % 10)
    assert (
        expect_problem(paulo, "POST", "/admin/v1/scans", 422, json={"tracking_code": mistyped}) == "mistyped-code"
    )
    assert (
        expect_problem(employee, "POST", "/admin/v1/scans", 403, json={"tracking_code": first})
        == "not-assigned-to-you"
    )
    paulo.scan(first)
    assert paulo.call("GET", path).json()["state"] == "in_progress"
    assert expect_problem(paulo, "POST", "/admin/v1/scans", 409, json={"tracking_code": first}) == "already-scanned"
    paulo.scan(second)
    assert paulo.call("GET", path).json()["state"] == "done"
    for donor, order in zip(donors, orders, strict=True):
        donor.wait_for_donation(order["id"], "collected")
        assert donor.wait_for_notification("donation-collected", order["id"])


def read_barcodes(person: Staff, package: Json) -> set[str]:
    """The barcodes on the label of a package."""
    path = f"/admin/v1/packages/{package['id']}"
    assert person.call("GET", f"{path}/label.pdf").content.startswith(b"%PDF")
    image = Image.open(io.BytesIO(person.call("GET", f"{path}/label.png").content))
    return {barcode.text for barcode in zxingcpp.read_barcodes(image)}


@pytest.mark.story("d-po-01")
@pytest.mark.story("d-po-02")
@pytest.mark.story("d-po-03")
@pytest.mark.story("d-po-06")
@pytest.mark.story("d-po-07")
@pytest.mark.story("d-po-08")
@pytest.mark.story("d-po-09")
@pytest.mark.story("d-po-10")
@pytest.mark.story("mf-cho-01")
@pytest.mark.story("mf-cho-02")
@pytest.mark.story("mf-cho-03")
@pytest.mark.story("mf-do-01")
@pytest.mark.story("mf-do-02")
def test_good_clothes_are_published_and_the_donor_gets_a_share_of_the_sale(
    donor: Customer, new_customer: CustomerFactory, site: Site
) -> None:
    order = site.deposit_donation(donor)
    package = site.collect_donation(donor, order["id"])
    employee, manager = site.employee, site.manager
    work_order = site.assign_work("checking", order["id"], employee)
    assert employee.wait_for_notification("work-order-assigned")
    result = f"/admin/v1/checking-orders/{work_order['id']}/result"
    good: Json = {"result": "good", "notes": "Like new."}
    assert expect_problem(employee, "POST", result, 409, json=good) == "illegal-transition"
    assert expect_problem(site.deliveryman, "POST", result, 403, json=good) == "forbidden"
    employee.scan(package["tracking_code"])
    good["photo_ids"] = [employee.upload_photo(result.replace("/result", "/photos"), coat_picture())]
    checked = employee.call("POST", result, json=good).json()
    assert (checked["state"], checked["notes"]) == ("done", "Like new.")
    assert httpx.get(checked["photos"][0]["url"]).content == coat_picture()
    donor.wait_for_donation(order["id"], "checked_good")
    assert donor.wait_for_notification("donation-checked-good", order["id"])

    product_id = site.publish_donated_product(order)
    donor.wait_for_donation(order["id"], "listed")
    assert donor.wait_for_notification("donation-listed")
    assert donor.wait_for_coins("published") > 0
    product = donor.call("GET", f"/shopping/v1/products/{product_id}", anonymous=True).json()
    assert "donation" not in product
    assert donor.user_id not in str(product)

    buyer = new_customer()
    purchase = buyer.place_order([product_id], site.location_id)
    buyer.pay(purchase["id"], buyer.card())
    sold = donor.wait_for_donation(order["id"], "sold")
    states = ["draft", "submitted", "deposited", "collected", "checked_good", "listed", "sold"]
    assert [entry["state"] for entry in sold["timeline"]] == states
    payout = wait_for("a payout", lambda: (donor.call("GET", "/billing/v1/payouts").json()["items"] or [None])[0])
    assert payout["amount"]["amount"] == 4900 * payout["share_percent"] // 100

    path = "/customer/v1/monitored-donating-orders"
    orders = employee.call("GET", path, params={"donor_id": donor.user_id}).json()["items"]
    assert [found["id"] for found in orders] == [order["id"]]
    assert manager.call("GET", f"{path}/{order['id']}").json()["timeline"] == sold["timeline"]
    work_orders = manager.call("GET", "/admin/v1/work-orders", params={"order_id": order["id"]}).json()["items"]
    assert {work_order["kind"]: work_order["state"] for work_order in work_orders} == {
        "collecting": "done",
        "checking": "done",
    }
    assert expect_problem(donor, "GET", path, 404) == "not-found", "the external gateway does not expose it"


@pytest.mark.story("d-po-04")
@pytest.mark.story("d-po-05")
@pytest.mark.story("mf-oc-01")
@pytest.mark.story("mf-oc-02")
def test_bad_clothes_are_recycled_and_the_donor_gets_a_coupon(donor: Customer, site: Site) -> None:
    order = site.deposit_donation(donor)
    package = site.collect_donation(donor, order["id"])
    site.record_check(package, "bad")
    donor.wait_for_donation(order["id"], "checked_bad")
    assert donor.wait_for_coins("checked_bad") > 0
    assert donor.call("GET", "/billing/v1/coupons").json()["items"] == []

    factory = {"name": f"Fibra {uuid.uuid4().hex[:6]}", "address": "Rua da Fábrica 1, Porto"}
    created = site.manager.call("POST", "/admin/v1/factories", json=factory, headers=idempotency_key(), expect=201)
    handover = {"factory_id": created.json()["id"], "package_ids": [package["id"]]}
    employee = site.employee
    employee.call("POST", "/admin/v1/handovers", json=handover, headers=idempotency_key(), expect=201)
    problem = expect_problem(employee, "POST", "/admin/v1/handovers", 409, json=handover, headers=idempotency_key())
    assert problem == "not-for-recycling"
    donor.wait_for_donation(order["id"], "recycled")
    coupon = wait_for("a coupon", lambda: (donor.call("GET", "/billing/v1/coupons").json()["items"] or [None])[0])
    assert donor.wait_for_notification("coupon-issued")
    query = {"limit": 100}
    [monitored] = [
        found
        for found in employee.call("GET", "/billing/v1/monitored-coupons", params=query).json()["items"]
        if found["id"] == coupon["id"]
    ]
    assert (monitored["person_id"], monitored["used_at"]) == (donor.user_id, None)
    assert "code" not in monitored


@pytest.mark.story("rd-c-01")
def test_a_donation_is_cancelled_free_of_charge_before_its_deposit(donor: Customer, site: Site) -> None:
    order = donor.create_donation(COAT)
    donor.submit_donation(order["id"], site.location_id)
    assert donor.cancel_donation(order["id"])["state"] == "cancelled"

    def all_boxes_are_free() -> bool | None:
        occupancy = site.manager.call("GET", f"/locker/v1/occupancies/{site.location_id}").json()
        return occupancy["boxes"]["free"] == 3 or None

    assert wait_for("the box to be free again", all_boxes_are_free)
    code = {"code": site.controller.code()}
    assert expect_problem(donor, "POST", "/locker/v1/openings", 404, json=code) == "nothing-to-open"
    assert donor.call("GET", "/billing/v1/fees").json()["items"] == []


@pytest.mark.story("rd-c-02")
@pytest.mark.story("rd-c-03")
@pytest.mark.story("rd-c-04")
def test_a_deposit_is_withdrawn_after_the_fee_was_paid(donor: Customer, new_site: SiteFactory) -> None:
    site = new_site(threshold=3)
    order = site.deposit_donation(donor)
    donor.wait_for_coins("deposit")
    assert donor.cancel_donation(order["id"])["state"] == "cancelling"
    fee = donor.wait_for_fee(order["id"])
    assert fee["kind"] == "occupation"
    code = {"code": site.controller.code()}
    assert expect_problem(donor, "POST", "/locker/v1/openings", 404, json=code) == "nothing-to-open", (
        "the fee is not paid yet"
    )
    donor.pay_fee(fee["id"])
    site.empty_box(donor, order["id"])
    donor.wait_for_donation(order["id"], "cancelled")
    assert donor.wait_for_notification("donation-cancelled", order["id"])
    wait_for("the rewards to be reversed", lambda: True if sum(donor.coins().values()) == 0 else None)
    assert donor.pay_fee(fee["id"], expect=409)["type"].endswith("/fee-not-payable")


@pytest.mark.story("rd-r-re-01")
@pytest.mark.story("rd-r-re-02")
@pytest.mark.story("rd-r-pa-01")
@pytest.mark.story("rd-r-po-01")
@pytest.mark.story("rd-r-po-02")
@pytest.mark.story("rd-r-po-03")
@pytest.mark.story("rd-r-po-04")
@pytest.mark.story("mf-do-03")
@pytest.mark.story("mf-po-01")
@pytest.mark.story("mf-po-02")
@pytest.mark.story("mf-po-03")
@pytest.mark.story("mf-po-04")
@pytest.mark.story("mf-so-01")
@pytest.mark.story("mf-so-02")
@pytest.mark.story("mf-so-03")
@pytest.mark.story("mf-so-04")
def test_a_donation_is_returned_to_its_donor(donor: Customer, new_customer: CustomerFactory, site: Site) -> None:
    order = site.deposit_donation(donor)
    problem = donor.return_donation(order["id"], site.location_id, expect=409)
    assert problem["type"].endswith("/illegal-transition")
    package = site.collect_donation(donor, order["id"])
    site.record_check(package, "good")
    donor.wait_for_donation(order["id"], "checked_good")
    product_id = site.publish_donated_product(order)
    donor.wait_for_donation(order["id"], "listed")

    donation_return = donor.return_donation(order["id"], site.location_id)
    assert donation_return["state"] == "created"
    assert new_customer().call("GET", f"/customer/v1/donation-returns/{donation_return['id']}", expect=404)
    donor.call("GET", f"/shopping/v1/products/{product_id}", anonymous=True, expect=404)
    fee = donor.wait_for_fee(donation_return["id"])
    assert fee["kind"] == "delivery"
    donor.pay_fee(fee["id"])

    employee, paulo = site.employee, site.deliveryman
    packing = site.assign_work("packing", donation_return["id"], employee)
    assert employee.wait_for_notification("work-order-assigned")
    new_package = employee.create_package(donation_return["id"])
    assert read_barcodes(employee, new_package) == {new_package["tracking_code"]}
    donor.wait_for_donation_return(donation_return["id"], "packing")
    assert donor.wait_for_notification("donation-return-packing")
    employee.scan(new_package["tracking_code"])
    employee.call("POST", f"/admin/v1/own-packing-orders/{packing['id']}/finish")

    shipping = site.assign_work("shipping", donation_return["id"], paulo)
    assert paulo.wait_for_notification("work-order-assigned", site.location["name"])
    path = f"/admin/v1/shipping-orders/{shipping['id']}"
    assert expect_problem(site.employee, "GET", path, 403) == "forbidden"
    paulo.scan(new_package["tracking_code"])
    donor.wait_for_donation_return(donation_return["id"], "shipping")
    [door] = site.open_doors_when_allowed(paulo, donation_return["id"])
    site.controller.close_door(door, is_occupied=True)
    donor.wait_for_donation_return(donation_return["id"], "in_box")
    assert donor.wait_for_notification("donation-return-in-box")
    wait_for("the shipping order to be done", lambda: paulo.call("GET", path).json()["state"] == "done" or None)

    site.empty_box(donor, donation_return["id"])
    donor.wait_for_donation_return(donation_return["id"], "returned")
    assert donor.wait_for_donation(order["id"], "returned")
    assert donor.wait_for_notification("donation-return-picked-up")
    wait_for("the rewards to be reversed", lambda: True if sum(donor.coins().values()) == 0 else None)
    balance = donor.call("GET", "/billing/v1/coins").json()
    assert (balance["balance"], balance["debt"]) == (0, 0)
    returns = employee.call("GET", "/customer/v1/monitored-donation-returns", params={"donor_id": donor.user_id})
    assert [found["id"] for found in returns.json()["items"]] == [donation_return["id"]]


@pytest.mark.story("mf-dob-01")
@pytest.mark.story("mf-dob-02")
@pytest.mark.story("mf-dob-03")
def test_a_manager_changes_locations_and_boxes(donor: Customer, site: Site) -> None:
    manager, path = site.manager, f"/locker/v1/locations/{site.location_id}"
    changed = manager.call("PATCH", path, json={"area": "Baixa", "deliveryman_id": None}).json()
    assert (changed["area"], changed["deliveryman_id"]) == ("Baixa", None)
    assert expect_problem(site.employee, "PATCH", path, 403, json={"area": "Centro"}) == "forbidden"
    boxes = manager.call("GET", "/locker/v1/boxes", params={"location_id": site.location_id}).json()["items"]
    out_of_service = {"state": "out_of_service", "reason": "The door does not close."}
    manager.call("PATCH", f"/locker/v1/boxes/{boxes[2]['id']}", json=out_of_service)
    paulo_id = site.deliveryman.user_id
    for box in boxes:
        manager.call("PUT", f"/locker/v1/boxes/{box['id']}/deliveryman", json={"deliveryman_id": paulo_id})
    order = site.deposit_donation(donor)
    site.deliveryman.wait_for_own_work_order("collecting", order["id"])
    occupancy = manager.call("GET", f"/locker/v1/occupancies/{site.location_id}").json()
    assert occupancy["boxes"] == {"free": 1, "held": 0, "occupied": 1, "out_of_service": 1}
    assert occupancy["fill_level"] == pytest.approx(1 / 3, abs=0.01)
    log = manager.call("GET", "/locker/v1/activity", params={"location_id": site.location_id}).json()["items"]
    assert {"opened", "closed", "held", "out_of_service"} <= {entry["kind"] for entry in log}


@pytest.mark.story("mf-co-02")
def test_an_offline_controller_opens_assigned_boxes_and_reports_later(donor: Customer, site: Site) -> None:
    order = site.deposit_donation(donor)
    paulo = site.deliveryman
    paulo.wait_for_own_work_order("collecting", order["id"])
    site.wait_for_door_right(paulo, order["id"])
    site.controller.sync()
    site.controller.go_offline()
    with pytest.raises(GrantRefused):
        site.controller.open_offline("q3zV8m2Kd7R1x0bN5sT9pA")
    key = paulo.call("GET", "/locker/v1/day-key").json()["key"]
    [door] = site.controller.open_offline(key)
    site.controller.close_door(door, is_occupied=False)
    with pytest.raises(GrantRefused):
        site.controller.open_offline(key)
    assert site.controller.unsent_events == 3, "the events offline, opened and closed"
    site.controller.go_online()
    assert site.controller.unsent_events == 0
    package = paulo.create_package(order["id"])
    paulo.scan(package["tracking_code"])
    donor.wait_for_donation(order["id"], "collected")
    occupancy = site.manager.call("GET", f"/locker/v1/occupancies/{site.location_id}").json()
    assert occupancy["boxes"]["occupied"] == 0


@pytest.mark.story("mf-eu-04")
@pytest.mark.story("mf-oc-03")
def test_a_manager_assigns_coins_and_a_coupon(donor: Customer, manager: Staff, employee: Staff) -> None:
    bonus = {"person_id": donor.user_id, "coins": 25, "note": "For the broken door"}
    assert expect_problem(employee, "POST", "/billing/v1/coin-records", 403, json=bonus, headers=idempotency_key())
    manager.call("POST", "/billing/v1/coin-records", json=bonus, headers=idempotency_key(), expect=201)
    assert donor.coins() == {"assigned": 25}
    coupon = {
        "person_id": donor.user_id,
        "value": {"amount": 500, "currency": "EUR"},
        "valid_days": 30,
        "note": "Thank you",
    }
    manager.call("POST", "/billing/v1/coupons", json=coupon, headers=idempotency_key(), expect=201)
    [assigned] = donor.call("GET", "/billing/v1/coupons").json()["items"]
    assert assigned["value"] == coupon["value"]
