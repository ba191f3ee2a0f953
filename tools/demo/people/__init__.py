"""The people of the stories, each acting through a gateway as a browser or an app would.

Shared by the demo and the acceptance tests. Every request goes over HTTPS to a gateway; services, databases and
queues are never used directly.
"""

from tools.demo.people.actor import (
    DEMO_PASSWORD,
    Actor,
    Json,
    UnexpectedResponse,
    idempotency_key,
    wait_for,
)
from tools.demo.people.customer import Customer
from tools.demo.people.mailbox import Mailbox, mail_text, verification_token
from tools.demo.people.staff import Staff

__all__ = [
    "DEMO_PASSWORD",
    "Actor",
    "Customer",
    "Json",
    "Mailbox",
    "Staff",
    "UnexpectedResponse",
    "idempotency_key",
    "mail_text",
    "verification_token",
    "wait_for",
]
