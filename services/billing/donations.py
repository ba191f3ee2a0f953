"""Donations as billing sees them: what they earn, which fees they cost, and what is taken back.

Events may come twice and in any order. The row of the donation is locked first, so that all that happens to one
donation is in a row. Rewards are given whenever their event comes, once per (order, reason), until the donation is
cancelled or returned; fees follow the newest state that is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from libs.chassis import clock
from libs.chassis.db import locked_scalar, session
from libs.chassis.system_settings import setting
from services.billing import buying, coins, coupons, fee_payments, fees
from services.billing.models import FollowedOrder
from services.billing.payouts import Sale

ENDED = frozenset({"cancelled", "returned"})
IN_NEED_OF_OCCUPATION_FEE = frozenset({"cancelling", "cancelled"})


@dataclass(frozen=True)
class Move:
    """A donating order, or the return of one, came into a state. `version` counts its moves."""

    order_id: str
    donation_id: str
    person_id: str
    state: str
    version: int
    at: datetime


def donation_moved(move: Move, *, has_story: bool, is_first: bool) -> None:
    """Give what the move earns, take back what is not kept, and let the fee follow."""
    donation, is_news = _follow(move)
    if donation.rewards_ended_at is None:
        _reward(donation, rewards_at(move.state, has_story=has_story, is_first=is_first))
    if move.state in ENDED:
        end_rewards(donation)
    if not is_news:
        return
    if move.state == "cancelling":
        fees.make("occupation", move.order_id, move.person_id)
    elif move.state not in IN_NEED_OF_OCCUPATION_FEE:
        fee_payments.give_up(move.order_id)


def rewards_at(state: str, *, has_story: bool, is_first: bool) -> list[str]:
    """The reasons for rewards (stories d-do-03, d-po-04)."""
    if state == "checked_bad":
        return ["checked_bad"]
    if state != "deposited":
        return []
    return ["deposit", *(["first_donation"] if is_first else []), *(["story"] if has_story else [])]


def _reward(donation: FollowedOrder, reasons: list[str]) -> None:
    for reason in reasons:
        coins.reward(donation.person_id, donation.id, reason, setting(f"billing.reward_{reason}_coins"))


def return_moved(move: Move) -> None:
    """Let the delivery fee follow a return, and end the rewards when the donor has the clothes back."""
    donation = known_donation(move.donation_id)
    _, is_news = _follow(move)
    if move.state == "returned":
        end_rewards(donation)
    if is_news and move.state == "created":
        fees.make("delivery", move.order_id, move.person_id)
    elif is_news and move.state == "cancelled":
        fee_payments.give_up(move.order_id)


def product_published(order_id: str) -> None:
    """A piece of the donation is on sale (story d-po-10): coins once an order, however many pieces it has."""
    donation = known_donation(order_id)
    if donation.rewards_ended_at is None:
        _reward(donation, ["published"])


def handed_over(order_ids: list[str]) -> None:
    """Bad clothes left for the factory: a coupon for each donation (story d-po-04)."""
    for order_id in sorted(order_ids):  # one order of locks for everybody
        donation = known_donation(order_id)
        if donation.rewards_ended_at is None:
            coupons.give_for_hand_over(order_id, donation.person_id)


def product_sold(order_id: str, sale: Sale) -> None:
    """The donor's share of a sale (story d-po-10)."""
    buying.product_sold(known_donation(order_id).person_id, order_id, sale)


def end_rewards(donation: FollowedOrder) -> None:
    """Take back every reward of a donation, once (story rd-r-po-03); a coupon that is used stays used."""
    if donation.rewards_ended_at is not None:
        return
    donation.rewards_ended_at = clock.now()
    earned = coins.earned_by(donation.id)
    if earned:
        coins.take_back(donation.person_id, earned, order_id=donation.id)
    coupons.void_of(donation.id)


def known_donation(order_id: str) -> FollowedOrder:
    """A donation, locked; LookupError while no event of it has come, so that this one is tried again."""
    donation = _locked(order_id)
    if donation is None:
        raise LookupError(f"nothing is known of the donation {order_id} yet")
    return donation


def _locked(order_id: str) -> FollowedOrder | None:
    return locked_scalar(select(FollowedOrder).where(FollowedOrder.id == order_id))


def _follow(move: Move) -> tuple[FollowedOrder, bool]:
    """The order's row, locked, and whether the move is newer than all that was known."""
    followed = _locked(move.order_id)
    if followed is None:
        followed = FollowedOrder(id=move.order_id, donation_id=move.donation_id, person_id=move.person_id)
        session().add(followed)
    elif (move.version, move.at) <= (followed.order_version, followed.moved_at):
        return followed, False
    followed.state, followed.order_version, followed.moved_at = move.state, move.version, move.at
    session().flush()
    return followed, True
