"""Demo data: drop-off locations in Lisbon with their boxes."""

from __future__ import annotations

import uuid

from libs.chassis.db import session, unit_of_work
from services.locker.boxes.tables import Box
from services.locker.locations.tables import Location

HOURS = "Mo-Su 06:00-24:00"
# name, street, postal code, latitude, longitude, boxes
PLACES = (
    ("Rossio", "Praça Dom Pedro IV", "1100-200", 38.7139, -9.1394, 16),
    ("Cais do Sodré", "Praça Duque da Terceira", "1200-161", 38.7059, -9.1446, 20),
    ("Santa Apolónia", "Largo dos Caminhos de Ferro", "1100-105", 38.7139, -9.1227, 14),
    ("Marquês de Pombal", "Praça Marquês de Pombal", "1250-160", 38.7254, -9.1500, 18),
    ("Saldanha", "Praça Duque de Saldanha", "1050-094", 38.7348, -9.1453, 16),
    ("Alameda", "Alameda Dom Afonso Henriques", "1000-125", 38.7371, -9.1337, 12),
    ("Oriente", "Avenida Dom João II", "1990-233", 38.7678, -9.0990, 20),
    ("Belém", "Praça do Império", "1400-206", 38.6956, -9.2058, 10),
    ("Alcântara", "Largo das Fontainhas", "1300-255", 38.7037, -9.1768, 10),
    ("Campo Grande", "Campo Grande", "1700-162", 38.7601, -9.1580, 14),
    ("Benfica", "Estrada de Benfica", "1500-617", 38.7487, -9.1995, 12),
    ("Graça", "Largo da Graça", "1170-165", 38.7166, -9.1309, 8),
)


def _id(prefix: str, name: str) -> str:
    return f"{prefix}_" + uuid.uuid5(uuid.NAMESPACE_URL, f"https://reclothes.example/{prefix}/{name}").hex


def load() -> None:
    """Add the locations that are missing, with all boxes free."""
    with unit_of_work():
        for name, street, postal_code, latitude, longitude, count in PLACES:
            location_id = _id("loc", name)
            if session().get(Location, location_id) is not None:
                continue
            location = Location(
                id=location_id,
                name=name,
                street=street,
                city="Lisboa",
                postal_code=postal_code,
                country="PT",
                latitude=latitude,
                longitude=longitude,
                opening_hours=HOURS,
            )
            session().add(location)
            session().flush()
            session().add_all(_box(location_id, name, number) for number in range(count))


def _box(location_id: str, name: str, number: int) -> Box:
    label = f"{'ABCD'[number // 8]}{number % 8 + 1}"
    return Box(id=_id("box", f"{name}/{label}"), location_id=location_id, label=label, state="free")
