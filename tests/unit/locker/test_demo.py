"""The demo locations: plausible places in one city, with stable ids."""

from __future__ import annotations

import re

from services.locker import demo
from services.locker.locations.geography import distance_m

ROSSIO = (38.7139, -9.1394)


def test_the_locations_are_in_lisbon_and_have_an_address() -> None:
    for name, street, postal_code, latitude, longitude, _ in demo.PLACES:
        assert distance_m(*ROSSIO, latitude, longitude) < 10_000, name
        assert re.fullmatch(r"1\d{3}-\d{3}", postal_code), name
        assert len(street) > 5


def test_locations_have_distinct_positions_and_names() -> None:
    points = [(place[3], place[4]) for place in demo.PLACES]
    assert len(set(points)) == len(points) == 12
    assert len({place[0] for place in demo.PLACES}) == len(points)


def test_a_location_has_eight_to_twenty_boxes_with_distinct_labels() -> None:
    for name, *_, count in demo.PLACES:
        boxes = [demo._box(demo._id("loc", name), name, number) for number in range(count)]
        assert 8 <= len({box.label for box in boxes}) == len({box.id for box in boxes}) == count <= 20


def test_ids_are_stable_and_well_formed() -> None:
    assert demo._id("loc", "Rossio") == demo._id("loc", "Rossio")
    assert re.fullmatch("loc_[0-9a-f]{32}", demo._id("loc", "Rossio"))
