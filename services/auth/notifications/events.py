"""Which event notifies whom, with which template; and the delivery of mails.

To add a notification, add a template to `templates/` and its name here: to the table of a lifecycle, or in a
handler.
"""

from __future__ import annotations

from typing import Any

from libs.chassis import logs
from libs.chassis.db import unit_of_work
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
    order_id = event.data["order_id"]
    link = f"{auth_settings().external_base_url}/orders/{order_id}"
    notify(event.data["buyer_id"], "receipt", f"receipt-{order_id}", event.data, link=link)


@registry.handles("customer.buying_order.expired.v1")
def notify_order_expired(event: Event[BuyingOrderExpired]) -> None:
    notify(event.data["buyer_id"], "order-expired", f"expired-{event.data['order_id']}", event.data)


@registry.handles("customer.buying_order.state_changed.v1")
def notify_order_state(event: Event[BuyingOrderStateChanged]) -> None:
    if template := ORDER_TEMPLATES.get(event.data["state"]):
        notify(event.data["buyer_id"], template, f"{template}-{event.data['order_id']}", event.data)


@registry.handles("customer.buying_order.pick_up_due.v1")
def remind_of_pick_up(event: Event[BuyingOrderPickUpDue]) -> None:
    template = "order-pick-up-due"
    notify(event.data["buyer_id"], template, f"{template}-{event.data['order_id']}", event.data)


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
        data,
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
    notify(data["donor_id"], template, dedupe_id, data)


@registry.handles("customer.donation_return.state_changed.v1")
def notify_donation_return_state(event: Event[DonationReturnStateChanged]) -> None:
    if template := DONATION_RETURN_TEMPLATES.get(event.data["state"]):
        notify(event.data["donor_id"], template, f"{template}-{event.data['return_id']}", event.data)


@registry.handles("billing.payment.voided.v1")
def notify_payment_voided(event: Event[PaymentVoided]) -> None:
    """Notify the buyer once of the payment and once of the sale: the payment can end before the sale does."""
    subject = "unpaid" if event.data["reason_code"] == "sale_not_paid" else "voided"
    notify(event.data["buyer_id"], "payment-voided", f"{subject}-{event.data['payment_id']}", event.data)


@registry.handles("billing.refund.completed.v1")
def notify_refund_completed(event: Event[RefundCompleted]) -> None:
    notify(event.data["buyer_id"], "refund-completed", f"refund-{event.data['refund_id']}", event.data)


@registry.handles("billing.fee.due.v1")
def notify_fee_due(event: Event[FeeDue]) -> None:
    notify(event.data["payer_id"], "fee-due", f"fee-{event.data['fee_id']}", event.data)


@registry.handles("billing.coupon.issued.v1")
def notify_coupon_issued(event: Event[CouponIssued]) -> None:
    notify(event.data["person_id"], "coupon-issued", f"coupon-{event.data['coupon_id']}", event.data)


@registry.handles("billing.payout.due.v1")
def notify_payout_due(event: Event[PayoutDue]) -> None:
    notify(event.data["person_id"], "payout-due", f"payout-{event.data['payout_id']}", event.data)


@registry.handles("billing.payout.voided.v1")
def notify_payout_voided(event: Event[PayoutVoided]) -> None:
    notify(event.data["person_id"], "payout-voided", f"payout-voided-{event.data['payout_id']}", event.data)


@registry.handles("admin.work_order.state_changed.v1")
def notify_work_order_assigned(event: Event[WorkOrderStateChanged]) -> None:
    """Notify the assignee, again at each assignment (stories mf-co-01, mf-so-01, mf-po-01, mf-cho-01)."""
    if event.data["state"] == "assigned" and event.data["assignee_id"] is not None:
        notify(event.data["assignee_id"], "work-order-assigned", f"assigned-{event.id}", event.data)


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
