"""The demo locations are real places of one city, and the same ones at each load."""

from __future__ import annotations

import re

from services.locker import demo
from services.locker.geography import distance_m

ROSSIO = (38.7139, -9.1394)


def test_the_locations_are_in_lisbon_with_a_real_looking_address() -> None:
    for name, street, postal_code, latitude, longitude, _ in demo.PLACES:
        assert distance_m(*ROSSIO, latitude, longitude) < 10_000, name
        assert re.fullmatch(r"1\d{3}-\d{3}", postal_code), name
        assert len(street) > 5


def test_no_two_locations_are_at_one_place() -> None:
    points = [(place[3], place[4]) for place in demo.PLACES]
    assert len(set(points)) == len(points) == 12
    assert len({place[0] for place in demo.PLACES}) == len(points)


def test_every_location_has_eight_to_twenty_boxes_with_labels_of_their_own() -> None:
    for name, *_, count in demo.PLACES:
        made = [demo._box(demo._id("loc", name), name, number) for number in range(count)]
        assert 8 <= len({box.label for box in made}) == len({box.id for box in made}) == count <= 20


def test_ids_stay_the_same_and_look_like_ids() -> None:
    assert demo._id("loc", "Rossio") == demo._id("loc", "Rossio")
    assert re.fullmatch("loc_[0-9a-f]{32}", demo._id("loc", "Rossio"))
