"""Dispatch outgoing messages to SNS. No transaction is open while SNS is called (docs/decisions/0003)."""

from __future__ import annotations

from libs.chassis import jobs, logs, messaging
from libs.chassis.db import unit_of_work
from services.auth.notifications import outgoing_messages, sns
from services.auth.notifications.tables import OutgoingMessage
from services.auth.registry import registry


@registry.every(seconds=0.5)
def dispatch_messages() -> None:
    """Dispatch the due messages, oldest first. An outage of SNS postpones all, any other error only one message."""
    with unit_of_work(reads_only=True):
        due = outgoing_messages.list_due()
    for message in due:
        with unit_of_work():
            is_ours = outgoing_messages.schedule_next_attempt(message)
        if not is_ours:
            continue
        try:
            _dispatch(message)
        except sns.RecipientUnreachable as error:
            logs.get_logger(__name__).warning("recipient unreachable", message=message.id, reason=str(error))
            with unit_of_work():
                outgoing_messages.mark_undeliverable(message.id)
        except Exception as error:
            if sns.is_outage(error):
                logs.get_logger(__name__).warning("messages postponed", reason=type(error).__name__)
                with unit_of_work():
                    outgoing_messages.postpone(message)
                return
            jobs.report_failure("dispatch messages", message.id, error)


def _dispatch(message: OutgoingMessage) -> None:
    if message.channel == "email":
        # Without the text, which may hold a one-time link: queues keep messages for days.
        messaging.notify("email", message.recipient, message.subject, "", message.id)
        return
    send = sns.send_sms if message.channel == "sms" else sns.send_push
    send(message.recipient, message.subject, message.text)
    with unit_of_work():
        outgoing_messages.mark_delivered(message.id)
