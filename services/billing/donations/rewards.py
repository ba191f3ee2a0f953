"""Rewards and fees of donations.

Events may be duplicated and arrive in any order. The row of the donation is locked first, which serializes
everything that concerns one donation. Rewards are given whenever their event arrives, once per order and reason,
until the donation is cancelled or returned; fees follow the latest known state.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.system_settings import setting
from services.billing.coins import coin_ledger
from services.billing.coupons import issuing
from services.billing.donations.rules import list_donation_rewards
from services.billing.donations.tables import DonationState
from services.billing.fees.cancellation import cancel_fee
from services.billing.fees.charging import charge_fee
from services.billing.payouts.donor_shares import Sale, prepare_payout
from services.billing.purchases.store import lock_purchase

ENDED = frozenset({"cancelled", "returned"})
NEEDS_OCCUPATION_FEE = frozenset({"cancelling", "cancelled"})


@dataclass(frozen=True)
class StateChange:
    """A donating order, or the return of one, came into a state. `version` counts its state changes."""

    order_id: str
    donation_id: str
    person_id: str
    state: str
    version: int
    at: datetime


def follow_donation(change: StateChange, *, has_story: bool, is_first: bool) -> None:
    """Reward the donor, take rewards back, and charge or cancel the occupation fee."""
    donation, is_latest = _store(change)
    _reward(donation, list_donation_rewards(change.state, has_story=has_story, is_first=is_first))
    if change.state in ENDED:
        end_rewards(donation)
    if is_latest and change.state == "cancelling":
        charge_fee("occupation", change.order_id, change.person_id)
    elif is_latest and change.state not in NEEDS_OCCUPATION_FEE:
        cancel_fee(change.order_id)


def follow_return(change: StateChange) -> None:
    """Charge or cancel the delivery fee, and end the rewards when the donor has the clothes back."""
    donation = lock_donation(change.donation_id)
    _, is_latest = _store(change)
    if change.state == "returned":
        end_rewards(donation)
    if is_latest and change.state == "created":
        charge_fee("delivery", change.order_id, change.person_id)
    elif is_latest and change.state == "cancelled":
        cancel_fee(change.order_id)


def reward_publishing(order_id: str) -> None:
    """Reward the first published product of a donation (story d-po-10)."""
    _reward(lock_donation(order_id), ["published"])


def _reward(donation: DonationState, reasons: list[str]) -> None:
    if donation.rewards_ended_at is None:
        for reason in reasons:
            coin_ledger.reward(donation.person_id, donation.id, reason, setting(f"billing.reward_{reason}_coins"))


def issue_coupons(order_ids: list[str]) -> None:
    """Issue a coupon for each bad donation that was handed over to a factory (story d-po-04)."""
    for order_id in sorted(order_ids):  # all transactions lock donations in the same order
        donation = lock_donation(order_id)
        if donation.rewards_ended_at is None:
            issuing.issue_for_handover(order_id, donation.person_id)


def prepare_donor_share(order_id: str, sale: Sale) -> None:
    """Prepare the donor's share of a sale (story d-po-10)."""
    donor_id = lock_donation(order_id).person_id
    prepare_payout(donor_id, order_id, sale, lock_purchase(sale.buying_order_id))


def end_rewards(donation: DonationState) -> None:
    """Take back all rewards of a donation, once (story rd-r-po-03); a used coupon stays used."""
    if donation.rewards_ended_at is not None:
        return
    donation.rewards_ended_at = clock.now()
    earned = coin_ledger.sum_earned(donation.id)
    if earned:
        coin_ledger.take_back(donation.person_id, earned, order_id=donation.id)
    issuing.void_unused(donation.id)


def lock_donation(order_id: str) -> DonationState:
    """A known donation, locked; LookupError before its first event, so that the present one is retried."""
    donation = _lock(order_id)
    if donation is None:
        raise LookupError(f"nothing is known of the donation {order_id} yet")
    return donation


def _lock(order_id: str) -> DonationState | None:
    return locked_scalar(select(DonationState).where(DonationState.id == order_id))


def _store(change: StateChange) -> tuple[DonationState, bool]:
    """The row of an order, locked, and whether the change is the latest that is known."""
    row = _lock(change.order_id)
    if row is None:
        row = DonationState(id=change.order_id, donation_id=change.donation_id, person_id=change.person_id)
        session().add(row)
    elif (change.version, change.at) <= (row.order_version, row.changed_at):
        return row, False
    row.state, row.order_version, row.changed_at = change.state, change.version, change.at
    session().flush()
    return row, True
