"""The lifecycle of a customer account, and how its email address is masked."""

from libs.chassis.state_machine import StateMachine

LIFECYCLE = StateMachine(
    name="customer account",
    initial="unverified",
    transitions={
        "verify": {"unverified": "active"},
        "suspend": {"active": "suspended", "suspended": "suspended"},
        "reinstate": {"suspended": "active"},
    },
)


def mask_email(email: str) -> str:
    """Hide most of an address: enough is left to recognise it, too little to write to it."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"
