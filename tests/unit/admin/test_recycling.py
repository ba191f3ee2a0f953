"""Which packages can leave for a recycling factory."""

from __future__ import annotations

import pytest

from services.admin.packages.tables import Package
from services.admin.recycling.rules import NotForRecycling, require_recyclable


@pytest.mark.parametrize(
    ("result", "handover_id", "reason"),
    [(None, None, "nothing yet"), ("good", None, "as good"), ("bad", "hov_1", "left with hov_1")],
)
def test_only_bad_packages_that_are_in_the_warehouse_are_recycled(
    result: str | None, handover_id: str | None, reason: str
) -> None:
    with pytest.raises(NotForRecycling, match=reason):
        require_recyclable(Package(id="pkg_1", result=result, handover_id=handover_id))
    require_recyclable(Package(id="pkg_1", result="bad"))
