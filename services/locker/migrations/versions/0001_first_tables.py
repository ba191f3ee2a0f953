"""Locations, boxes, doors, holds, controllers and the activity log, and the chassis's tables."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.first_tables import create_chassis_tables, drop_chassis_tables
from libs.chassis.types import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables(op)
    _create_locations()
    _create_boxes()
    _create_doors()
    _create_holds()
    _create_controllers_and_activity()


def _create_locations() -> None:
    op.create_table(
        "locations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("street", sa.String(200), nullable=False),
        sa.Column("city", sa.String(80), nullable=False),
        sa.Column("postal_code", sa.String(20), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("opening_hours", sa.String(200), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False, server_default="Europe/Lisbon"),
        sa.Column("area", sa.String(80)),
        sa.Column("threshold", sa.Integer(), nullable=False, server_default="6"),
        sa.Column("deliveryman_id", sa.String(36)),
        sa.Column("controller_id", sa.String(36)),
        sa.Column("controller_seen_at", UtcDateTime()),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    )
    op.create_index("ix_locations_name", "locations", ["name", "id"])
    op.create_index("ix_locations_latitude", "locations", ["latitude", "longitude"])
    op.create_index("uq_locations_controller_id", "locations", ["controller_id"], unique=True)


def _create_boxes() -> None:
    op.create_table(
        "boxes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("location_id", sa.String(36), sa.ForeignKey("locations.id"), nullable=False),
        sa.Column("label", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("held_for_order_id", sa.String(36), unique=True),
        sa.Column("held_since", UtcDateTime()),
        sa.Column("held_until", UtcDateTime()),
        sa.Column("out_of_service_reason", sa.String(300)),
        sa.Column("deliveryman_id", sa.String(36)),
        sa.Column("awaits_collection", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("waiting_since", UtcDateTime()),
        sa.Column("is_reclaimed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("version", sa.Integer(), nullable=False),
    )
    op.create_index("ix_boxes_location_id", "boxes", ["location_id", "id"])
    op.create_index("ix_boxes_location_id_label", "boxes", ["location_id", "label"], unique=True)
    op.create_index("ix_boxes_location_id_state", "boxes", ["location_id", "state", "id"])
    op.create_index("ix_boxes_state", "boxes", ["state", "id"])
    op.create_table(
        "maintenance_records",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("box_id", sa.String(36), sa.ForeignKey("boxes.id"), nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("opened_by", sa.String(36), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("closed_by", sa.String(36)),
        sa.Column("closed_at", UtcDateTime()),
    )
    op.create_index("ix_maintenance_records_box_id", "maintenance_records", ["box_id", "opened_at", "id"])
    op.create_index("ix_maintenance_records_opened_at", "maintenance_records", ["opened_at", "id"])


def _create_doors() -> None:
    op.create_table(
        "door_rights",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("purpose", sa.String(10), nullable=False),
        sa.Column("state", sa.String(6), nullable=False),
        sa.Column("order_id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("box_id", sa.String(36), sa.ForeignKey("boxes.id"), nullable=False),
        sa.Column("valid_until", UtcDateTime()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
    )
    op.create_index("ix_door_rights_person_id", "door_rights", ["person_id", "state", "location_id", "id"])
    op.create_index("ix_door_rights_order_id", "door_rights", ["order_id", "state"])
    op.create_index("ix_door_rights_location_id", "door_rights", ["location_id", "state", "id"])
    op.create_index("ix_door_rights_box_id", "door_rights", ["box_id", "state"])
    op.create_table(
        "grants",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("right_id", sa.String(36), sa.ForeignKey("door_rights.id"), nullable=False),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("box_id", sa.String(36), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("is_offline", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(6), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_grants_location_id", "grants", ["location_id", "state", "expires_at"])
    op.create_index("ix_grants_right_id", "grants", ["right_id", "state"])
    op.create_table(
        "used_codes",
        sa.Column("right_id", sa.String(36), primary_key=True),
        sa.Column("step", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_used_codes_used_at", "used_codes", ["used_at"])


def _create_holds() -> None:
    op.create_table(
        "box_requests",
        sa.Column("order_id", sa.String(36), primary_key=True),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("deliveryman_id", sa.String(36)),
    )
    op.create_index("ix_box_requests_requested_at", "box_requests", ["requested_at"])
    op.create_table(
        "deliveries",
        sa.Column("order_id", sa.String(36), primary_key=True),
        sa.Column("recipient_id", sa.String(36), nullable=False),
        sa.Column("ended_at", UtcDateTime()),
    )
    op.create_table(
        "applied_work_orders",
        sa.Column("order_id", sa.String(36), primary_key=True),
        sa.Column("purpose", sa.String(10), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )


def _create_controllers_and_activity() -> None:
    op.create_table(
        "controller_events",
        sa.Column("location_id", sa.String(36), sa.ForeignKey("locations.id"), primary_key=True),
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "activity",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("location_id", sa.String(36), nullable=False),
        sa.Column("box_id", sa.String(36)),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("order_id", sa.String(36)),
        sa.Column("person_id", sa.String(36)),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_activity_location_id", "activity", ["location_id", "at", "id"])
    op.create_index("ix_activity_box_id", "activity", ["box_id", "at", "id"])
    op.create_index("ix_activity_at", "activity", ["at", "id"])


TABLES = (
    "activity",
    "controller_events",
    "applied_work_orders",
    "deliveries",
    "box_requests",
    "used_codes",
    "grants",
    "door_rights",
    "maintenance_records",
    "boxes",
    "locations",
)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
    drop_chassis_tables(op)
