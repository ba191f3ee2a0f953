"""Doors, controllers and maintenance."""

import sqlalchemy as sa
from alembic import op

from libs.chassis.types import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("box_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=True),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_activity_at", "activity", ["at", "id"], unique=False)
    op.create_index("ix_activity_box_id", "activity", ["box_id", "at", "id"], unique=False)
    op.create_index("ix_activity_location_id", "activity", ["location_id", "at", "id"], unique=False)
    op.create_table(
        "recipients",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_table(
        "used_codes",
        sa.Column("right_id", sa.String(length=36), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("right_id", "step"),
    )
    op.create_index("ix_used_codes_used_at", "used_codes", ["used_at"], unique=False)
    op.create_table(
        "controller_events",
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("taken_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.PrimaryKeyConstraint("location_id", "sequence"),
    )
    op.create_table(
        "door_rights",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=6), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("box_id", sa.String(length=36), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["box_id"],
            ["boxes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_door_rights_box_id", "door_rights", ["box_id", "state"], unique=False)
    op.create_index("ix_door_rights_location_id", "door_rights", ["location_id", "state", "id"], unique=False)
    op.create_index("ix_door_rights_order_id", "door_rights", ["order_id", "state"], unique=False)
    op.create_index(
        "ix_door_rights_person_id", "door_rights", ["person_id", "state", "location_id", "id"], unique=False
    )
    op.create_table(
        "maintenance_records",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("box_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("opened_by", sa.String(length=36), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("closed_by", sa.String(length=36), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["box_id"],
            ["boxes.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_maintenance_records_box_id", "maintenance_records", ["box_id", "opened_at", "id"], unique=False
    )
    op.create_index("ix_maintenance_records_opened_at", "maintenance_records", ["opened_at", "id"], unique=False)
    op.create_table(
        "grants",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("right_id", sa.String(length=36), nullable=False),
        sa.Column("location_id", sa.String(length=36), nullable=False),
        sa.Column("box_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("is_ahead", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=6), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["right_id"],
            ["door_rights.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_grants_location_id", "grants", ["location_id", "state", "expires_at"], unique=False)
    op.create_index("ix_grants_right_id", "grants", ["right_id", "state"], unique=False)
    op.add_column("box_requests", sa.Column("deliveryman_id", sa.String(length=36), nullable=True))
    op.add_column("boxes", sa.Column("deliveryman_id", sa.String(length=36), nullable=True))
    op.add_column("boxes", sa.Column("awaits_collection", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("boxes", sa.Column("is_reclaimed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("locations", sa.Column("area", sa.String(length=80), nullable=True))
    op.add_column("locations", sa.Column("threshold", sa.Integer(), nullable=False, server_default="6"))
    op.add_column("locations", sa.Column("deliveryman_id", sa.String(length=36), nullable=True))
    op.add_column("locations", sa.Column("controller_id", sa.String(length=36), nullable=True))
    op.add_column("locations", sa.Column("controller_seen_at", UtcDateTime(), nullable=True))
    op.add_column("locations", sa.Column("last_sequence", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("locations", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_locations_latitude", "locations", ["latitude", "longitude"], unique=False)
    op.create_index("uq_locations_controller_id", "locations", ["controller_id"], unique=True)


ADDED = {
    "locations": (
        "version",
        "last_sequence",
        "controller_seen_at",
        "controller_id",
        "deliveryman_id",
        "threshold",
        "area",
    ),
    "boxes": ("is_reclaimed", "awaits_collection", "deliveryman_id"),
    "box_requests": ("deliveryman_id",),
}


def downgrade() -> None:
    op.drop_index("uq_locations_controller_id", "locations")
    op.drop_index("ix_locations_latitude", "locations")
    for table, columns in ADDED.items():
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("grants")
    op.drop_table("maintenance_records")
    op.drop_table("door_rights")
    op.drop_table("controller_events")
    op.drop_table("used_codes")
    op.drop_table("recipients")
    op.drop_table("activity")
