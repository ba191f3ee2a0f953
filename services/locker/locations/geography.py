"""Great-circle distances and bounding boxes."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, pi, radians, sin, sqrt

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG)


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> int:
    """Great-circle distance in metres between two points in degrees, also at the poles and across the date line.

    Haversine formula (https://en.wikipedia.org/wiki/Haversine_formula).
    """
    phi, other_phi = radians(latitude), radians(other_latitude)
    half_height = sin((other_phi - phi) / 2) ** 2
    half_width = sin(radians(other_longitude - longitude) / 2) ** 2
    return round(2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_height + cos(phi) * cos(other_phi) * half_width))))


MAX_DISTANCE_M = pi * EARTH_RADIUS_M


@dataclass(frozen=True)
class BoundingBox:
    """A range of latitudes and one or two ranges of longitudes, in degrees."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def bounding_box(latitude: float, longitude: float, metres: float) -> BoundingBox:
    """Bound all points within the distance of a point.

    Across the date line the box has two ranges of longitudes, around a pole it has all longitudes.
    """
    angle = metres / EARTH_RADIUS_M
    south, north = latitude - degrees(angle), latitude + degrees(angle)
    all_longitudes = ((-180.0, 180.0),)
    if south <= -90 or north >= 90:
        return BoundingBox(max(south, -90.0), min(north, 90.0), all_longitudes)
    width = degrees(asin(min(1.0, sin(min(angle, pi / 2)) / cos(radians(latitude)))))
    west, east = longitude - width, longitude + width
    if west < -180:
        return BoundingBox(south, north, ((-180.0, east), (west + 360, 180.0)))
    if east > 180:
        return BoundingBox(south, north, ((west, 180.0), (-180.0, east - 360)))
    return BoundingBox(south, north, ((west, east),))
