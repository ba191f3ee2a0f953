"""Boxes of one location in the order of the list, and no label twice at a location."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_boxes_location_id", "boxes", ["location_id", "id"])
    op.create_index("ix_boxes_location_id_label", "boxes", ["location_id", "label"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_boxes_location_id_label", "boxes")
    op.drop_index("ix_boxes_location_id", "boxes")
