"""The locker service's tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Double, ForeignKey, Index, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.chassis.db import Json, UtcDateTime
from libs.chassis.deadlines import DEFAULT_TIME_ZONE

DEFAULT_THRESHOLD = 6


class Base(DeclarativeBase):
    """The base of this service's tables."""


class Location(Base):
    """A place with drop-off boxes. Latitude and longitude in degrees (WGS 84)."""

    __tablename__ = "locations"
    __table_args__ = (
        Index("ix_locations_name", "name", "id"),
        Index("ix_locations_latitude", "latitude", "longitude"),
        Index("uq_locations_controller_id", "controller_id", unique=True),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    street: Mapped[str] = mapped_column(String(200))
    city: Mapped[str] = mapped_column(String(80))
    postal_code: Mapped[str] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(2))
    latitude: Mapped[float] = mapped_column(Double)
    longitude: Mapped[float] = mapped_column(Double)
    opening_hours: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64), default=DEFAULT_TIME_ZONE)
    """Its name in the tz database; deadlines at the location end with a day there."""
    area: Mapped[str | None] = mapped_column(String(80))
    threshold: Mapped[int] = mapped_column(Integer, default=DEFAULT_THRESHOLD)
    """So many boxes filled with donations make a collecting order."""
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    controller_id: Mapped[str | None] = mapped_column(String(36))
    """The OAuth client that the location's controller is."""
    controller_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    """The number of the controller's event that was taken last."""
    version: Mapped[int] = mapped_column(Integer, default=1)
    __mapper_args__ = {"version_id_col": version}


class Box(Base):
    """A drop-off box."""

    __tablename__ = "boxes"
    __table_args__ = (
        Index("ix_boxes_location_id", "location_id", "id"),
        Index("ix_boxes_location_id_label", "location_id", "label", unique=True),
        Index("ix_boxes_location_id_state", "location_id", "state", "id"),
        Index("ix_boxes_state", "state", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(ForeignKey("locations.id"))
    label: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    held_for_order_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    held_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    out_of_service_reason: Mapped[str | None] = mapped_column(String(300))
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    """Who collects from this box, if not the deliveryman of the location."""
    awaits_collection: Mapped[bool] = mapped_column(Boolean, default=False)
    """A donation is in it that no collecting order has been asked for yet."""
    waiting_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when it awaits a collection."""
    is_reclaimed: Mapped[bool] = mapped_column(Boolean, default=False)
    """The donor wants what is in it back: nobody collects it."""
    version: Mapped[int] = mapped_column(Integer, default=1)


class BoxRequest(Base):
    """An order that waits for a box at a full location."""

    __tablename__ = "box_requests"
    __table_args__ = (Index("ix_box_requests_requested_at", "requested_at"),)

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deliveryman_id: Mapped[str | None] = mapped_column(String(36))
    """Who is to put the package in, once there is a box."""


class DoorRight(Base):
    """That a person may open a box for an order: for one purpose, until it is used or void."""

    __tablename__ = "door_rights"
    __table_args__ = (
        Index("ix_door_rights_person_id", "person_id", "state", "location_id", "id"),
        Index("ix_door_rights_order_id", "order_id", "state"),
        Index("ix_door_rights_location_id", "location_id", "state", "id"),
        Index("ix_door_rights_box_id", "box_id", "state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(6))
    order_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str] = mapped_column(String(36))
    location_id: Mapped[str] = mapped_column(String(36))
    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"))
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Grant(Base):
    """A signed permission for a controller to open one door once."""

    __tablename__ = "grants"
    __table_args__ = (
        Index("ix_grants_location_id", "location_id", "state", "expires_at"),
        Index("ix_grants_right_id", "right_id", "state"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    right_id: Mapped[str] = mapped_column(ForeignKey("door_rights.id"))
    location_id: Mapped[str] = mapped_column(String(36))
    box_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str] = mapped_column(String(36))
    is_ahead: Mapped[bool] = mapped_column(Boolean)
    """Handed out for the day, wrapped for the person, so that it works without a network."""
    state: Mapped[str] = mapped_column(String(6))
    """`issued`; while its door is open `used`, or `late` when its right was over before; `closed` or `void`."""
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UsedCode(Base):
    """That a code of a location was used to open a door: once only."""

    __tablename__ = "used_codes"
    __table_args__ = (Index("ix_used_codes_used_at", "used_at"),)

    right_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Recipient(Base):
    """Whom the package of an order is for.

    `ended_at` when it was taken out, or its order was cancelled: then no box is held for it and nobody gets in.
    """

    __tablename__ = "recipients"

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(36))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WorkHeardOf(Base):
    """How new the newest event is of the work for which an order's door is opened."""

    __tablename__ = "work_heard_of"

    order_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(10), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)


class ControllerEvent(Base):
    """What a controller reported, in its own numbering; each number is taken once."""

    __tablename__ = "controller_events"

    location_id: Mapped[str] = mapped_column(ForeignKey("locations.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Activity(Base):
    """What happened at a location, for staff to look at; `details` names reasons."""

    __tablename__ = "activity"
    __table_args__ = (
        Index("ix_activity_location_id", "location_id", "at", "id"),
        Index("ix_activity_box_id", "box_id", "at", "id"),
        Index("ix_activity_at", "at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    location_id: Mapped[str] = mapped_column(String(36))
    box_id: Mapped[str | None] = mapped_column(String(36))
    kind: Mapped[str] = mapped_column(String(30))
    order_id: Mapped[str | None] = mapped_column(String(36))
    person_id: Mapped[str | None] = mapped_column(String(36))
    details: Mapped[Any] = mapped_column(Json)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class MaintenanceRecord(Base):
    """Why a box was out of service, from when to when, by whom."""

    __tablename__ = "maintenance_records"
    __table_args__ = (
        Index("ix_maintenance_records_box_id", "box_id", "opened_at", "id"),
        Index("ix_maintenance_records_opened_at", "opened_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    box_id: Mapped[str] = mapped_column(ForeignKey("boxes.id"))
    reason: Mapped[str] = mapped_column(String(300))
    opened_by: Mapped[str] = mapped_column(String(36))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(36))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
