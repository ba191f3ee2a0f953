"""Items that cannot be read are skipped and counted; an unavailable store raises."""

from __future__ import annotations

import pytest

from libs.chassis import metrics, skipped_items
from libs.chassis.problems import Unavailable


def count() -> float:
    return float(metrics.ROWS_OMITTED.labels("test")._value.get())


def read(value: str) -> int:
    if value == "down":
        raise Unavailable
    return 10 // int(value)


def test_items_that_cannot_be_read_are_skipped_and_counted() -> None:
    before = count()
    assert skipped_items.read_valid(["5", "x", "0", "2"], read, kind="test", id_of=str) == [2, 5]
    assert count() == before + 2


def test_an_unavailable_store_concerns_all_items() -> None:
    with pytest.raises(Unavailable):
        skipped_items.read_valid(["5", "down"], read, kind="test", id_of=str)


def test_items_are_not_validated_outside_a_request() -> None:
    assert skipped_items.dump_valid(["5", "x"], read, kind="test") == [2]
