"""Which packages can leave for a recycling factory."""

from __future__ import annotations

from libs.chassis.problems import Conflict
from services.admin.packages.tables import Package


class NotForRecycling(Conflict):
    slug = "not-for-recycling"
    title = "Only packages that were checked as bad and are still in the warehouse can be handed over"


def require_recyclable(package: Package) -> None:
    """NotForRecycling, unless the package was checked as bad and is still in the warehouse."""
    if package.result != "bad":
        raise NotForRecycling(f"{package.id} was checked as {package.result or 'nothing yet'}")
    if package.handover_id is not None:
        raise NotForRecycling(f"{package.id} left with {package.handover_id}")
