"""Which names of attributes staff can store."""

from __future__ import annotations

import pytest

from libs.chassis.problems import BadRequest
from services.shopping.inventory.staff_actions import _require_storable_names


@pytest.mark.parametrize("name", ["", "$where", "a.b", "nul\0", "x" * 61])
def test_an_attribute_name_that_cannot_be_stored_is_rejected(name: str) -> None:
    with pytest.raises(BadRequest) as raised:
        _require_storable_names({"material": "wool", name: "x"})
    assert [error["pointer"] for error in raised.value.errors or []] == [f"/attributes/{name}"]


def test_other_attribute_names_are_accepted() -> None:
    _require_storable_names({"material": "wool", "x" * 60: "x", "Größe $": "x"})
