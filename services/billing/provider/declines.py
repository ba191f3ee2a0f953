"""Why a card was declined, and what its owner can do: one piece of advice for each class of the provider's codes.

A bank's suspicion that a card is stolen is not passed on (https://docs.stripe.com/declines/codes).
"""

from __future__ import annotations

from dataclasses import dataclass

CHECK_CARD_DETAILS = "the card number, expiry date or security code is wrong; nothing was charged; enter it again"
USE_ANOTHER_CARD = "nothing was charged; use another card, pay with coins, or ask your bank"
INSUFFICIENT_FUNDS = "the card has too little money; nothing was charged; use another card or pay with coins"
CARD_EXPIRED = "the card is no longer valid; nothing was charged; use another card"
TRY_LATER = "the bank could not decide; nothing was charged; try again in a minute"
AUTHENTICATE = "the bank's own check did not succeed; nothing was charged; pay again and complete the check"

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
        CHECK_CARD_DETAILS,
    )
    | dict.fromkeys(
        ("insufficient_funds", "card_velocity_exceeded", "withdrawal_count_limit_exceeded"), INSUFFICIENT_FUNDS
    )
    | {"expired_card": CARD_EXPIRED}
    | dict.fromkeys(
        ("processing_error", "issuer_not_available", "try_again_later", "reenter_transaction"), TRY_LATER
    )
    | dict.fromkeys(
        ("authentication_required", "authentication_not_handled", "payment_intent_authentication_failure"),
        AUTHENTICATE,
    )
)
CONFIDENTIAL_CODES = frozenset(
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
    """A code that clients can rely on, and advice in words."""

    code: str
    advice: str


def explain(code: str, decline_code: str | None) -> Decline:
    """What to tell the card's owner about the provider's error code and the bank's own code, if there is one."""
    public_code = decline_code if decline_code and decline_code not in CONFIDENTIAL_CODES else code
    if public_code in CONFIDENTIAL_CODES:
        public_code = "card_declined"
    return Decline(public_code[:64], ADVICE.get(public_code, USE_ANOTHER_CARD))
