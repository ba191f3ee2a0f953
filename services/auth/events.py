"""What auth publishes, the events and messages it handles, and its periodic jobs."""

from __future__ import annotations

from typing import Any

from libs.chassis import clock
from libs.chassis.deadlines import DEFAULT_TIME_ZONE, Deadline
from libs.chassis.events import Event
from libs.chassis.money import Money, sum_money
from services.auth import housekeeping, messages, notifications, password_changes, revocations
from services.auth.registry import registry
from services.auth.settings import auth_settings

__all__ = ["registry"]


@registry.handles("customer.buying_order.paid.v1")
def send_receipt(event: Event) -> None:
    """The receipt with the link to cancel or return (story b-bu-05)."""
    data = event.data
    notifications.tell(
        data["buyer_id"],
        "receipt",
        f"receipt-{data['order_id']}",
        order_id=data["order_id"],
        items=[{"title": item["title"], "price": Money.from_dict(item["price"])} for item in data["items"]],
        total=Money.from_dict(data["total"]),
        coins=data.get("coins"),  # older events lack it
        location=data["pickup_location_name"],
        link=f"{auth_settings().external_base_url}/orders/{data['order_id']}",
    )


@registry.handles("customer.buying_order.expired.v1")
def tell_of_expiry(event: Event) -> None:
    order_id = event.data["order_id"]
    notifications.tell(event.data["buyer_id"], "order-expired", f"expired-{order_id}", order_id=order_id)


@registry.handles("billing.payment.voided.v1")
def tell_of_voided_payment(event: Event) -> None:
    """Older events have neither method nor code. A payment can be given up first, and its sale afterwards."""
    data, reason_code = event.data, event.data.get("reason_code")
    dedupe_id = f"{'unpaid' if reason_code == 'sale_not_paid' else 'voided'}-{data['payment_id']}"
    facts = {"order_id": data["order_id"], "method": data.get("method"), "reason_code": reason_code}
    notifications.tell(data["buyer_id"], "payment-voided", dedupe_id, **facts)


# What a donor is told when a donation, or the return of one, comes into a state (stories d-* and rd-*).
DONATION_TEMPLATES = {
    "deposited": "donation-deposited",
    "collected": "donation-collected",
    "checked_good": "donation-checked-good",
    "checked_bad": "donation-checked-bad",
    "listed": "donation-listed",
    "sold": "donation-sold",
    "cancelled": "donation-cancelled",
}
RETURN_TEMPLATES = {
    "packing": "donation-return-packing",
    "in_box": "donation-return-in-box",
    "returned": "donation-return-taken-out",
}


# What a buyer is told when an order, or the return of one, comes into a state (stories b-* and rb-*).
ORDER_TEMPLATES = {
    "packing": "order-packing",
    "in_box": "order-in-box",
    "picked_up": "order-picked-up",
    "cancelled": "order-cancelled",
}
BUYING_RETURN_TEMPLATES = {
    "in_box": "return-deposited",
    "collected": "return-collected",
    "checked_good": "return-checked-good",
    "checked_bad": "return-checked-bad",
    "refund_decided": "return-refund-decided",
    "expired": "return-expired",
}


def _deadline(data: dict[str, Any], name: str) -> Deadline | None:
    """A deadline with its zone, or nothing; older events have no zone, or lack the deadline."""
    moment = data.get(name)
    time_zone = data.get("time_zone", DEFAULT_TIME_ZONE)
    return Deadline(clock.parse_rfc3339(moment), time_zone) if moment else None


@registry.handles("customer.buying_order.state_changed.v1")
def tell_buyer(event: Event) -> None:
    data = event.data
    template = ORDER_TEMPLATES.get(data["state"])
    if template is None:
        return
    facts = {
        "order_id": data["order_id"],
        "location": data["pickup_location_name"],
        "pick_up_until": _deadline(data, "pick_up_until"),
        "return_until": _deadline(data, "return_until"),
        "reason": data.get("reason"),
        "is_paid": data["payment_id"] is not None,
    }
    notifications.tell(data["buyer_id"], template, f"{template}-{data['order_id']}", **facts)


@registry.handles("customer.buying_order.pick_up_due.v1")
def remind_of_pick_up(event: Event) -> None:
    data = event.data
    facts = {"order_id": data["order_id"], "location": data["pickup_location_name"]}
    facts["pick_up_until"] = _deadline(data, "pick_up_until")
    notifications.tell(data["buyer_id"], "order-pick-up-due", f"order-pick-up-due-{data['order_id']}", **facts)


@registry.handles("customer.return_buying_order.state_changed.v1")
def tell_buyer_of_return(event: Event) -> None:
    data = event.data
    given_up = data["state"] == "refund_decided" and data.get("is_given_up", False)
    template = "return-given-up" if given_up else BUYING_RETURN_TEMPLATES.get(data["state"])
    if template is None:
        return
    is_something = data["refund"] is not None and data["refund"]["amount"] > 0
    refund = Money.from_dict(data["refund"]) if is_something else None
    facts = {"order_id": data["order_id"], "location": data["location_name"], "refund": refund}
    facts |= _checked_pieces(data)
    notifications.tell(data["buyer_id"], template, f"{template}-{data['return_id']}", **facts)


def _checked_pieces(data: dict[str, Any]) -> dict[str, Any]:
    """The titles of what was bad, and what is paid back at once for the rest; older news has no items."""
    items = data.get("items", ())
    good = [Money.from_dict(item["price"]) for item in items if item["result"] == "good"]
    return {
        "bad": [item["title"] for item in items if item["result"] == "bad"],
        "paid_at_once": sum_money(good, good[0].currency) if good else None,
    }


@registry.handles("billing.refund.completed.v1")
def tell_of_refund(event: Event) -> None:
    data = event.data
    facts = {
        "order_id": data["order_id"],
        "amount": Money.from_dict(data["amount"]),
        "coins": data["coins"] if data["method"] == "coins" else None,
    }
    notifications.tell(data["buyer_id"], "refund-made", f"refund-{data['refund_id']}", **facts)


@registry.handles("customer.donating_order.state_changed.v1")
def tell_donor(event: Event) -> None:
    data = event.data
    _tell_of_move(DONATION_TEMPLATES, data["order_id"], event)


@registry.handles("customer.return_donating_order.state_changed.v1")
def tell_donor_of_return(event: Event) -> None:
    data = event.data
    _tell_of_move(RETURN_TEMPLATES, data["return_id"], event)


def _tell_of_move(templates: dict[str, str], about: str, event: Event) -> None:
    data = event.data
    template = templates.get(data["state"])
    if template is None or data["previous_state"] == "draft":  # a draft that is thrown away is no news
        return
    facts = {"order_id": data["order_id"], "location": data["location_name"]}
    # A donation whose sale was cancelled can be sold once more.
    dedupe_id = f"{template}-{about}" if data["state"] != "sold" else f"{template}-{about}-{event.version}"
    notifications.tell(data["donor_id"], template, dedupe_id, **facts)


@registry.handles("admin.work_order.state_changed.v1")
def tell_of_assignment(event: Event) -> None:
    """Stories mf-co-01, mf-so-01, mf-po-01, mf-cho-01; somebody to whom it comes back is told again."""
    data = event.data
    if data["state"] != "assigned" or data["assignee_id"] is None:
        return
    facts = {"kind": data["kind"], "location": data["location_name"], "packages": len(data["orders"])}
    dedupe_id = f"assigned-{event.id}"
    notifications.tell(data["assignee_id"], "work-order-assigned", dedupe_id, **facts)


@registry.handles("billing.fee.due.v1")
def tell_of_fee(event: Event) -> None:
    data = event.data
    amount = Money.from_dict(data["amount"])
    facts = {"kind": data["kind"], "order_id": data["order_id"], "amount": amount}
    notifications.tell(data["payer_id"], "fee-due", f"fee-{data['fee_id']}", **facts)


@registry.handles("billing.coupon.issued.v1")
def tell_of_coupon(event: Event) -> None:
    data = event.data
    facts = {"value": Money.from_dict(data["value"]), "valid_until": _deadline(data, "valid_until")}
    notifications.tell(data["person_id"], "coupon-given", f"coupon-{data['coupon_id']}", **facts)


@registry.handles("billing.payout.due.v1")
def tell_of_payout(event: Event) -> None:
    data = event.data
    facts = {"amount": Money.from_dict(data["amount"]), "order_id": data["order_id"]}
    notifications.tell(data["person_id"], "payout-due", f"payout-{data['payout_id']}", **facts)


@registry.handles("billing.payout.voided.v1")
def tell_of_void_payout(event: Event) -> None:
    data = event.data
    facts = {"amount": Money.from_dict(data["amount"]), "order_id": data["order_id"]}
    notifications.tell(data["person_id"], "payout-void", f"payout-void-{data['payout_id']}", **facts)


@registry.every(seconds=0.5)
def give_messages_to_sns() -> None:
    messages.give_to_sns()


@registry.every(seconds=0.5)
def send_password_links() -> None:
    password_changes.send_links()


@registry.every(seconds=1)
def tell_session_cache() -> None:
    revocations.apply_waiting()


@registry.consumes("mail")
def deliver_mail(message: dict[str, Any]) -> None:
    messages.deliver(message["dedupe_id"])


@registry.every(seconds=600)
def forget_what_is_over() -> None:
    housekeeping.forget_what_is_over()
