"""Notifications, how each user receives them, and the messages that are sent out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.chassis.types import UtcDateTime
from services.auth.base import Base


class NotificationPreferences(Base):
    """The channels by which a user is notified; a user without a row has the defaults."""

    __tablename__ = "notification_preferences"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    email: Mapped[bool] = mapped_column(default=True)
    sms: Mapped[bool] = mapped_column(default=False)
    push: Mapped[bool] = mapped_column(default=True)


class PhoneConfirmation(Base):
    """The hash of the code that was sent to a phone number, and how often a wrong one was entered."""

    __tablename__ = "phone_confirmations"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    phone_number: Mapped[str] = mapped_column(String(16))
    code_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)


class PushDevice(Base):
    """A device that receives push messages; `endpoint_arn` is its endpoint in SNS."""

    __tablename__ = "push_devices"
    __table_args__ = (Index("ix_push_devices_user_id", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    platform: Mapped[str] = mapped_column(String(10))
    endpoint_arn: Mapped[str] = mapped_column(String(255), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Notification(Base):
    """A notification in a user's account."""

    __tablename__ = "notifications"
    __table_args__ = (Index("ix_notifications_user_id_created_at", "user_id", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    template: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OutgoingMessage(Base):
    """An email, SMS or push message: stored with what caused it, dispatched to SNS, then delivered.

    `id` is the deduplication id up to the final delivery: a message is delivered once. `recipient` is an email
    address, a phone number or the ARN of a device. `due_at` is the time of the next dispatch; None once the message
    is delivered or permanently rejected. `claimed_until` is set while a worker delivers it. The text is deleted
    after delivery.
    """

    __tablename__ = "outgoing_messages"
    __table_args__ = (
        Index("ix_outgoing_messages_due_at", "due_at"),
        Index("ix_outgoing_messages_recipient_created_at", "recipient", "created_at"),
        Index("ix_outgoing_messages_created_at", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    channel: Mapped[str] = mapped_column(String(10), default="email")
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int]
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
