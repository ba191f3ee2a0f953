"""The events of donating orders, their returns and their products."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.event_types import (
    DonatingOrderStateChanged,
    DonationReturnStateChanged,
    HandoverRecorded,
    ProductPublished,
    ProductSold,
)
from libs.chassis.events import Event
from libs.chassis.money import Money
from services.billing.donations import rewards
from services.billing.donations.rewards import StateChange
from services.billing.payouts.donor_shares import Sale
from services.billing.registry import registry


@registry.handles("customer.donating_order.state_changed.v1")
def follow_donation(event: Event[DonatingOrderStateChanged]) -> None:
    data = event.data
    change = _state_change(event, data["order_id"])
    rewards.follow_donation(change, has_story=data["has_story"], is_first=data["is_first"])


@registry.handles("customer.donation_return.state_changed.v1")
def follow_donation_return(event: Event[DonationReturnStateChanged]) -> None:
    rewards.follow_return(_state_change(event, event.data["return_id"]))


def _state_change(
    event: Event[DonatingOrderStateChanged] | Event[DonationReturnStateChanged], order_id: str
) -> StateChange:
    data = event.data
    return StateChange(
        order_id=order_id,
        donation_id=data["order_id"],
        person_id=data["donor_id"],
        state=data["state"],
        version=event.version,
        at=clock.parse_rfc3339(data["at"]),
    )


@registry.handles("shopping.product.published.v1")
def reward_publishing(event: Event[ProductPublished]) -> None:
    donation = event.data["donation"]
    if donation is not None:
        rewards.reward_publishing(donation["order_id"])


@registry.handles("shopping.product.sold.v1")
def prepare_donor_share(event: Event[ProductSold]) -> None:
    data = event.data
    if data["donation"] is not None:
        sale = Sale(data["product_id"], data["buying_order_id"], Money.from_dict(data["price"]))
        rewards.prepare_donor_share(data["donation"]["order_id"], sale)


@registry.handles("admin.handover.recorded.v1")
def issue_coupons(event: Event[HandoverRecorded]) -> None:
    rewards.issue_coupons([order_id for order_id in event.data["order_ids"] if order_id.startswith("dor_")])
