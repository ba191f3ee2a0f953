"""The admin service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from libs.chassis.database_rights import APPEND_ONLY
from libs.chassis.db import Json, UtcDateTime
from libs.chassis.money import Money


class Base(DeclarativeBase):
    """The base of this service's tables."""


class WorkOrder(Base):
    """Work of one kind for one person: collecting, checking, packing or shipping. `area` and `deliveryman_id` are
    those of its location when it was made."""

    __tablename__ = "work_orders"
    __table_args__ = (
        Index("ix_work_orders_assignee_id", "assignee_id", "kind", "created_at", "id"),
        Index("ix_work_orders_state", "state", "created_at", "id"),
        Index("ix_work_orders_kind", "kind", "created_at", "id"),
        Index("ix_work_orders_created_at", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(12))
    assignee_id: Mapped[str | None] = mapped_column(String(36))
    location_id: Mapped[str | None] = mapped_column(String(36))
    location_name: Mapped[str | None] = mapped_column(String(120))
    area: Mapped[str | None] = mapped_column(String(80))
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    result: Mapped[str | None] = mapped_column(String(4))
    notes: Mapped[str | None] = mapped_column(String(2000))
    photo_keys: Mapped[Any] = mapped_column(Json)
    """Of a check: `id` and `key` of each photo."""
    reason: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    orders: Mapped[list[OrderAtWork]] = relationship(order_by="OrderAtWork.position", lazy="selectin")
    __mapper_args__ = {"version_id_col": version}

    @property
    def live_orders(self) -> list[OrderAtWork]:
        """Those that were not dropped."""
        return [order for order in self.orders if order.dropped_at is None]


class OrderAtWork(Base):
    """A customer's order in a work order: in one of each kind. `contents` are the products of a buying order, or of
    the return of one: then with the result of their check."""

    __tablename__ = "orders_at_work"
    __table_args__ = (UniqueConstraint("order_id", "kind", name="uq_orders_at_work_order"),)

    work_order_id: Mapped[str] = mapped_column(ForeignKey("work_orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    order_id: Mapped[str] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(10))
    donation_id: Mapped[str | None] = mapped_column(String(36))
    box_id: Mapped[str | None] = mapped_column(String(36))
    contents: Mapped[Any] = mapped_column(Json)
    scanned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its box was emptied for it."""
    dropped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    package: Mapped[Package | None] = relationship(
        primaryjoin="foreign(OrderAtWork.order_id) == Package.order_id", viewonly=True, lazy="selectin"
    )


class Package(Base):
    """What an order is packed in: one for each order, known by the tracking code on its label."""

    __tablename__ = "packages"
    __table_args__ = (
        Index("ix_packages_result", "result", "hand_over_id", "checked_at", "id"),
        Index("ix_packages_hand_over_id", "hand_over_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36), unique=True)
    tracking_code: Mapped[str] = mapped_column(String(40), unique=True)
    result: Mapped[str | None] = mapped_column(String(4))
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    hand_over_id: Mapped[str | None] = mapped_column(ForeignKey("hand_overs.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}


class Employee(Base):
    """An internal user, as auth tells of them, with the work that a manager gave them. No `kinds`: what their roles
    say. `heard_at` is the time of the newest event."""

    __tablename__ = "employees"
    __table_args__ = (Index("ix_employees_full_name", "full_name", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    full_name: Mapped[str] = mapped_column(String(120))
    roles: Mapped[Any] = mapped_column(Json)
    state: Mapped[str] = mapped_column(String(10))
    areas: Mapped[Any] = mapped_column(Json)
    kinds: Mapped[Any] = mapped_column(Json(none_as_null=True), nullable=True)
    heard_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}


class KnownLocation(Base):
    """What the newest event said of a location: where it is and whose."""

    __tablename__ = "known_locations"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    area: Mapped[str | None] = mapped_column(String(80))
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    heard_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WithdrawnOrder(Base):
    """An order that is no longer to be collected, packed or shipped, should its work come to be made later."""

    __tablename__ = "withdrawn_orders"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    withdrawn_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KnownReturn(Base):
    """A purchase on its way back, as customer told of it, and what was paid for it. `items` are its products, each
    with title and price; null while only older news was heard."""

    __tablename__ = "known_returns"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(36))
    buyer_id: Mapped[str] = mapped_column(String(36))
    price_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    items: Mapped[Any] = mapped_column(Json(none_as_null=True), nullable=True)
    is_given_up: Mapped[bool] = mapped_column(Boolean, default=False)


class ReturnContact(Base):
    """What was agreed with a buyer on clothes that came back bad: once for each return."""

    __tablename__ = "return_contacts"

    return_id: Mapped[str] = mapped_column(ForeignKey("known_returns.id"), primary_key=True)
    contacted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    channel: Mapped[str] = mapped_column(String(10))
    note: Mapped[str | None] = mapped_column(String(2000))
    refund_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    decided_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def refund(self) -> Money:
        return Money(self.refund_amount, self.currency)


class Factory(Base):
    """A recycling factory."""

    __tablename__ = "factories"
    __table_args__ = (Index("ix_factories_created_at", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    address: Mapped[str] = mapped_column(String(300))
    email: Mapped[str | None] = mapped_column(String(254))
    is_active: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}


class HandOver(Base):
    """Bad packages that left for a factory, with the name that it had then."""

    __tablename__ = "hand_overs"
    __table_args__ = (Index("ix_hand_overs_created_at", "created_at", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    factory_id: Mapped[str] = mapped_column(ForeignKey("factories.id"))
    factory_name: Mapped[str] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    recorded_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    packages: Mapped[list[Package]] = relationship(order_by="Package.id", lazy="selectin")


class StoredSetting(Base):
    """A system setting that was changed from its default."""

    __tablename__ = "system_settings"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_by: Mapped[str] = mapped_column(String(36))
    version: Mapped[int] = mapped_column(Integer)
    __mapper_args__ = {"version_id_col": version}


class AuditEntry(Base):
    """Who did what, when, from where. Triggers in the database refuse every UPDATE and DELETE (domain rule 6), and
    the service's user may only add and read."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_occurred_at", "occurred_at", "id"),
        Index("ix_audit_entries_actor_id", "actor_id", "occurred_at", "id"),
        Index("ix_audit_entries_action", "action", "occurred_at", "id"),
        Index("ix_audit_entries_target", "target", "occurred_at", "id"),
        {"info": APPEND_ONLY},
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    domain: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str] = mapped_column(String(64))
    actor_roles: Mapped[Any] = mapped_column(Json)
    action: Mapped[str] = mapped_column(String(80))
    target: Mapped[str] = mapped_column(String(200))
    source_ip: Mapped[str] = mapped_column(String(64))
    before: Mapped[Any] = mapped_column(Json, nullable=True)
    after: Mapped[Any] = mapped_column(Json, nullable=True)
    request_id: Mapped[str] = mapped_column(String(128))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CheckPhoto(Base):
    """A photo that may be uploaded for a check, with `size` in bytes as it was announced."""

    __tablename__ = "check_photos"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    work_order_id: Mapped[str] = mapped_column(ForeignKey("work_orders.id"), index=True)
    key: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(20))
    size: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
