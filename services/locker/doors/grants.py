"""Issue and sign the grants with which controllers open doors (see `libs/chassis/door_grants.py`).

A grant to open a door now is valid for seconds. For collecting and shipping orders there are also offline grants,
which are valid for the day and work while the location has no network.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from joserfc.jwk import ECKey, KeySet
from sqlalchemy import select

from libs.chassis import clock, door_grants
from libs.chassis.db import session
from libs.chassis.door_grants import GrantClaims
from libs.chassis.runtime import per_process
from services.locker.doors.grant_rules import VALID_FOR, end_of_day
from services.locker.doors.rules import OFFLINE_PURPOSES
from services.locker.doors.tables import DoorRight, Grant
from services.locker.locations.tables import Location
from services.locker.settings import locker_settings

BATCH_SIZE = 500


def issue(right: DoorRight) -> Grant:
    """Issue a grant to open the door of a right now."""
    return _issue(right, clock.now() + VALID_FOR, is_offline=False)


def _issue(right: DoorRight, expires_at: datetime, *, is_offline: bool) -> Grant:
    grant = Grant(
        right_id=right.id,
        location_id=right.location_id,
        box_id=right.box_id,
        person_id=right.person_id,
        is_offline=is_offline,
        expires_at=expires_at,
    )
    session().add(grant)
    session().flush()
    return grant


def list_signed_grants(location: Location, *, is_offline: bool) -> list[tuple[Grant, str]]:
    """The unexpired grants of the open rights at a location, each with its signed text."""
    if is_offline:
        _issue_offline_grants(location)
    valid = select(Grant, DoorRight.purpose).join(DoorRight, DoorRight.id == Grant.right_id)
    valid = valid.where(
        Grant.location_id == location.id,
        Grant.state == "issued",
        DoorRight.state == "open",
        Grant.expires_at > clock.now(),
        Grant.is_offline.is_(is_offline),
    )
    rows = session().execute(valid.order_by(Grant.id).limit(BATCH_SIZE)).all()
    return [(grant, _sign(grant, purpose)) for grant, purpose in rows]


def _issue_offline_grants(location: Location) -> None:
    """Issue grants until the end of the day for the assigned work at the location that has none yet."""
    offline_grant = select(Grant.id).where(
        Grant.right_id == DoorRight.id, Grant.is_offline.is_(True), Grant.expires_at > clock.now()
    )
    rights = select(DoorRight).where(
        DoorRight.location_id == location.id,
        DoorRight.state == "open",
        DoorRight.purpose.in_(OFFLINE_PURPOSES),
        ~offline_grant.exists(),
    )
    for right in session().scalars(rights.limit(BATCH_SIZE)).all():
        _issue(right, end_of_day(clock.now().date()), is_offline=True)


def _sign(grant: Grant, purpose: str) -> str:
    claims = GrantClaims(grant.id, grant.location_id, grant.box_id, grant.person_id, purpose)
    signed = door_grants.sign(_signing_key(), claims, grant.issued_at, grant.expires_at)
    if not grant.is_offline:
        return signed
    return door_grants.wrap(signed, day_key(grant.person_id, grant.issued_at.date()))


def day_key(person_id: str, day: date) -> bytes:
    """The key that a person's phone shows to a controller to open the offline grants of a day."""
    return door_grants.day_key(locker_settings().code_secret, person_id, day)


def public_keys() -> dict[str, object]:
    """The JWK set with which controllers verify grants."""
    return dict(KeySet([_signing_key()]).as_dict(private=False))


def _signing_key() -> ECKey:
    return _read_key(locker_settings().grant_key_file)


@per_process
def _read_key(path: Path) -> ECKey:
    key = ECKey.import_key(path.read_text(), {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    return key
