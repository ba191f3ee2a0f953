"""Which event notifies whom, with which template, and the delivery of mails.

To add a notification, add a template to `templates/` and its name here: to the table of a lifecycle, or in a
handler.
"""

from __future__ import annotations

from typing import Any

from libs.chassis import clock, logs
from libs.chassis.db import unit_of_work
from libs.chassis.deadlines import DEFAULT_TIME_ZONE, Deadline
from libs.chassis.event_types import (
    BuyingOrderExpired,
    BuyingOrderPaid,
    BuyingOrderPickUpDue,
    BuyingOrderStateChanged,
    BuyingReturnStateChanged,
    CouponIssued,
    DonatingOrderStateChanged,
    DonationReturnStateChanged,
    FeeDue,
    PaymentVoided,
    PayoutDue,
    PayoutVoided,
    RefundCompleted,
    WorkOrderStateChanged,
)
from libs.chassis.events import Event
from libs.chassis.money import Money, sum_money
from services.auth.notifications import mail_server, outgoing_messages
from services.auth.notifications.sending import notify
from services.auth.registry import registry
from services.auth.settings import auth_settings

# The template for each state of which the buyer or the donor is notified.
ORDER_TEMPLATES = {
    "packing": "order-packing",
    "in_box": "order-in-box",
    "picked_up": "order-picked-up",
    "cancelled": "order-cancelled",
}
RETURN_TEMPLATES = {
    "in_box": "return-deposited",
    "collected": "return-collected",
    "checked_good": "return-checked-good",
    "checked_bad": "return-checked-bad",
    "refund_decided": "return-refund-decided",
    "expired": "return-expired",
}
DONATION_TEMPLATES = {
    "deposited": "donation-deposited",
    "collected": "donation-collected",
    "checked_good": "donation-checked-good",
    "checked_bad": "donation-checked-bad",
    "listed": "donation-listed",
    "sold": "donation-sold",
    "cancelled": "donation-cancelled",
}
DONATION_RETURN_TEMPLATES = {
    "packing": "donation-return-packing",
    "in_box": "donation-return-in-box",
    "returned": "donation-return-picked-up",
}


@registry.handles("customer.buying_order.paid.v1")
def send_receipt(event: Event[BuyingOrderPaid]) -> None:
    """Send the receipt with the link to cancel or return (story b-bu-05)."""
    data = event.data
    notify(
        data["buyer_id"],
        "receipt",
        f"receipt-{data['order_id']}",
        order_id=data["order_id"],
        items=[{"title": item["title"], "price": Money.from_dict(item["price"])} for item in data["items"]],
        total=Money.from_dict(data["total"]),
        coins=data["coins"],
        location=data["pickup_location_name"],
        link=f"{auth_settings().external_base_url}/orders/{data['order_id']}",
    )


@registry.handles("customer.buying_order.expired.v1")
def notify_order_expired(event: Event[BuyingOrderExpired]) -> None:
    order_id = event.data["order_id"]
    notify(event.data["buyer_id"], "order-expired", f"expired-{order_id}", order_id=order_id)


@registry.handles("customer.buying_order.state_changed.v1")
def notify_order_state(event: Event[BuyingOrderStateChanged]) -> None:
    data = event.data
    if template := ORDER_TEMPLATES.get(data["state"]):
        notify(
            data["buyer_id"],
            template,
            f"{template}-{data['order_id']}",
            order_id=data["order_id"],
            location=data["pickup_location_name"],
            pick_up_until=_parse_deadline(data["pick_up_until"], data["time_zone"]),
            return_until=_parse_deadline(data["return_until"], data["time_zone"]),
            reason=data["reason"],
            is_paid=data["payment_id"] is not None,
        )


@registry.handles("customer.buying_order.pick_up_due.v1")
def remind_of_pick_up(event: Event[BuyingOrderPickUpDue]) -> None:
    data = event.data
    notify(
        data["buyer_id"],
        "order-pick-up-due",
        f"order-pick-up-due-{data['order_id']}",
        order_id=data["order_id"],
        location=data["pickup_location_name"],
        pick_up_until=_parse_deadline(data["pick_up_until"], data["time_zone"]),
    )


@registry.handles("customer.buying_return.state_changed.v1")
def notify_return_state(event: Event[BuyingReturnStateChanged]) -> None:
    data = event.data
    is_force_cancelled = data["state"] == "refund_decided" and data["is_force_cancelled"]
    template = "return-force-cancelled" if is_force_cancelled else RETURN_TEMPLATES.get(data["state"])
    if template is None:
        return
    good = [Money.from_dict(item["price"]) for item in data["items"] if item["result"] == "good"]
    notify(
        data["buyer_id"],
        template,
        f"{template}-{data['return_id']}",
        order_id=data["order_id"],
        location=data["location_name"],
        refund=Money.from_dict(data["refund"]) if data["refund"] and data["refund"]["amount"] > 0 else None,
        bad_items=[item["title"] for item in data["items"] if item["result"] == "bad"],
        refund_of_good_items=sum_money(good, good[0].currency) if good else None,
    )


@registry.handles("customer.donating_order.state_changed.v1")
def notify_donation_state(event: Event[DonatingOrderStateChanged]) -> None:
    data = event.data
    template = DONATION_TEMPLATES.get(data["state"])
    if template is None or data["previous_state"] == "draft":  # nobody is notified of a deleted draft
        return
    dedupe_id = f"{template}-{data['order_id']}"
    if data["state"] == "sold":  # a donation whose sale was cancelled can be sold again
        dedupe_id = f"{dedupe_id}-{event.version}"
    notify(data["donor_id"], template, dedupe_id, order_id=data["order_id"], location=data["location_name"])


@registry.handles("customer.donation_return.state_changed.v1")
def notify_donation_return_state(event: Event[DonationReturnStateChanged]) -> None:
    data = event.data
    if template := DONATION_RETURN_TEMPLATES.get(data["state"]):
        dedupe_id = f"{template}-{data['return_id']}"
        notify(data["donor_id"], template, dedupe_id, order_id=data["order_id"], location=data["location_name"])


@registry.handles("billing.payment.voided.v1")
def notify_payment_voided(event: Event[PaymentVoided]) -> None:
    """Notify the buyer once of the payment and once of the sale: the payment can end before the sale does."""
    data = event.data
    subject = "unpaid" if data["reason_code"] == "sale_not_paid" else "voided"
    notify(
        data["buyer_id"],
        "payment-voided",
        f"{subject}-{data['payment_id']}",
        order_id=data["order_id"],
        method=data["method"],
        reason_code=data["reason_code"],
    )


@registry.handles("billing.refund.completed.v1")
def notify_refund_completed(event: Event[RefundCompleted]) -> None:
    data = event.data
    notify(
        data["buyer_id"],
        "refund-completed",
        f"refund-{data['refund_id']}",
        order_id=data["order_id"],
        amount=Money.from_dict(data["amount"]),
        coins=data["coins"] if data["method"] == "coins" else None,
    )


@registry.handles("billing.fee.due.v1")
def notify_fee_due(event: Event[FeeDue]) -> None:
    data = event.data
    amount, dedupe_id = Money.from_dict(data["amount"]), f"fee-{data['fee_id']}"
    notify(data["payer_id"], "fee-due", dedupe_id, kind=data["kind"], order_id=data["order_id"], amount=amount)


@registry.handles("billing.coupon.issued.v1")
def notify_coupon_issued(event: Event[CouponIssued]) -> None:
    data = event.data
    value, valid_until = Money.from_dict(data["value"]), _parse_deadline(data["valid_until"], DEFAULT_TIME_ZONE)
    dedupe_id = f"coupon-{data['coupon_id']}"
    notify(data["person_id"], "coupon-issued", dedupe_id, value=value, valid_until=valid_until)


@registry.handles("billing.payout.due.v1")
def notify_payout_due(event: Event[PayoutDue]) -> None:
    _notify_payout(event.data, "payout-due", f"payout-{event.data['payout_id']}")


@registry.handles("billing.payout.voided.v1")
def notify_payout_voided(event: Event[PayoutVoided]) -> None:
    _notify_payout(event.data, "payout-voided", f"payout-voided-{event.data['payout_id']}")


def _notify_payout(data: PayoutDue | PayoutVoided, template: str, dedupe_id: str) -> None:
    amount = Money.from_dict(data["amount"])
    notify(data["person_id"], template, dedupe_id, amount=amount, order_id=data["order_id"])


@registry.handles("admin.work_order.state_changed.v1")
def notify_work_order_assigned(event: Event[WorkOrderStateChanged]) -> None:
    """Notify the assignee, again at each assignment (stories mf-co-01, mf-so-01, mf-po-01, mf-cho-01)."""
    data = event.data
    if data["state"] != "assigned" or data["assignee_id"] is None:
        return
    notify(
        data["assignee_id"],
        "work-order-assigned",
        f"assigned-{event.id}",
        kind=data["kind"],
        location=data["location_name"],
        packages=len(data["orders"]),
    )


def _parse_deadline(text: str | None, time_zone: str) -> Deadline | None:
    return Deadline(clock.parse_rfc3339(text), time_zone) if text else None


@registry.consumes("mail")
def deliver_mail(message: dict[str, Any]) -> None:
    """Hand a mail to the mail server, once. An error lets the queue deliver the message again."""
    mail_id = message["dedupe_id"]
    with unit_of_work():
        mail = outgoing_messages.claim(mail_id)
    if mail is None:
        return
    try:
        mail_server.deliver(mail.recipient, mail.subject, mail.text, mail.id)
    except mail_server.RecipientRejected as error:
        logs.get_logger(__name__).error("recipient rejected", mail=mail_id, code=error.code)
        with unit_of_work():
            outgoing_messages.mark_undeliverable(mail_id)
    except mail_server.MailServerUnavailable:
        with unit_of_work():
            outgoing_messages.release(mail_id)
        raise
    else:
        with unit_of_work():
            outgoing_messages.mark_delivered(mail_id)
