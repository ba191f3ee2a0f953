"""Why a card was declined, and what its owner can do: one advice for each class of the provider's codes.

The bank's word about a stolen or suspected card is not passed on (https://docs.stripe.com/declines/codes).
"""

from __future__ import annotations

from dataclasses import dataclass

TYPE_AGAIN = "the card's number, date or security code is wrong; nothing was charged; type it again"
USE_ANOTHER = "nothing was charged; use another card, pay with coins, or ask your bank"
NO_MONEY = "there is not enough money on the card; nothing was charged; use another card or pay with coins"
TOO_OLD = "the card is no longer valid; nothing was charged; use another card"
TRY_LATER = "the bank could not decide; nothing was charged; try again in a minute"
DO_THE_CHECK = "the bank wants its own check and did not get it; nothing was charged; pay again and go through it"

ADVICE = (
    dict.fromkeys(
        (
            "incorrect_number",
            "invalid_number",
            "incorrect_cvc",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
            "incorrect_zip",
            "incorrect_address",
        ),
        TYPE_AGAIN,
    )
    | dict.fromkeys(("insufficient_funds", "card_velocity_exceeded", "withdrawal_count_limit_exceeded"), NO_MONEY)
    | {"expired_card": TOO_OLD}
    | dict.fromkeys(
        ("processing_error", "issuer_not_available", "try_again_later", "reenter_transaction"), TRY_LATER
    )
    | dict.fromkeys(
        ("authentication_required", "authentication_not_handled", "payment_intent_authentication_failure"),
        DO_THE_CHECK,
    )
)
NOT_PASSED_ON = frozenset(
    {
        "fraudulent",
        "lost_card",
        "stolen_card",
        "pickup_card",
        "merchant_blacklist",
        "restricted_card",
        "security_violation",
    }
)


@dataclass(frozen=True)
class Decline:
    """A code that clients can rely on, and what to do, in words."""

    code: str
    advice: str


def explain(code: str, decline_code: str | None) -> Decline:
    """The provider's error code and the bank's own code, if it gave one, as what the card's owner is told."""
    told = decline_code if decline_code and decline_code not in NOT_PASSED_ON else code
    if told in NOT_PASSED_ON:
        told = "card_declined"
    return Decline(told[:64], ADVICE.get(told, USE_ANOTHER))
