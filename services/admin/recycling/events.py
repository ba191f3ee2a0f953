"""The event of a handover."""

from __future__ import annotations

from collections.abc import Sequence

from libs.chassis import clock
from libs.chassis.event_types import HandoverRecorded
from services.admin.recycling.tables import Handover
from services.admin.registry import registry


def publish_handover(handover: Handover, order_ids: Sequence[str]) -> None:
    """Publish that these of its orders have left for a factory."""
    data = HandoverRecorded(
        handover_id=handover.id,
        factory_id=handover.factory_id,
        factory_name=handover.factory_name,
        order_ids=list(order_ids),
        at=clock.rfc3339(handover.created_at),
    )
    registry.publish("admin.handover.recorded.v1", subject=handover.id, data=data)
