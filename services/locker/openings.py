"""Opening doors: a person scans the code of a location, and its controller gets a grant for the person's boxes.

What opens at once is an order for the controller that is valid for seconds. For collecting and shipping orders
there are also grants for the day ahead, which work without a network (see libs/chassis/door_grants.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from joserfc.jwk import ECKey, KeySet
from sqlalchemy import delete, select

from libs.chassis import clock, door_grants
from libs.chassis.db import session
from libs.chassis.door_codes import CODE_STEP_SECONDS, DoorCode, is_genuine, key_of_location, read_code, step_at
from libs.chassis.door_grants import GrantClaims
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound, Unavailable, Unprocessable
from services.locker import activity, door_rights
from services.locker.models import Box, DoorRight, Grant, Location, UsedCode
from services.locker.settings import locker_settings

GRANT_VALID_FOR = timedelta(seconds=30)
STEPS_ALLOWED = 1  # a code that has just gone from the screen is still good
CONTROLLER_SILENT_AFTER = timedelta(seconds=60)
KEEP_CODES = timedelta(hours=1)


class CodeUnknown(Unprocessable):
    slug, title = "code-unknown", "This is not a code of a drop-off location"


class CodeExpired(Conflict):
    slug, title = "code-expired", "The code is no longer on the screen"


class CodeUsed(Conflict):
    slug, title = "code-used", "The door was opened with this code already"


class NothingToOpen(NotFound):
    slug, title = "nothing-to-open", "You have nothing to open at this location"


class HoldExpired(Conflict):
    slug, title = "hold-expired", "The box is no longer held for this order"


class BoxOutOfService(Conflict):
    slug, title = "box-out-of-service", "The box is out of service"


class ControllerAway(Unavailable):
    slug, title = "controller-offline", "The location has no connection for now"


@dataclass(frozen=True)
class Opening:
    """A door that opens now."""

    grant: Grant
    right: DoorRight
    box: Box


def open_doors(code_text: str, person_id: str, order_id: str | None) -> tuple[Location, list[Opening]]:
    """Let the person's doors at the location of this code open: that of one order, or all of them.

    CodeUnknown, CodeExpired, NothingToOpen, HoldExpired, BoxOutOfService, CodeUsed, ControllerAway. All doors that
    this code has not opened yet, or none.
    """
    code = _genuine(code_text)
    location = session().get(Location, code.location_id)
    if location is None:
        raise CodeUnknown("scan the code on the screen of the location")
    rights = door_rights.open_of_person(person_id, location.id, order_id)
    if not rights:
        raise NothingToOpen("look at your orders for the location of each")
    if not is_online(location):
        raise ControllerAway("try again in a moment", retry_after=10)
    unopened = [right for right in rights if session().get(UsedCode, (right.id, code.step)) is None]
    if not unopened:
        raise CodeUsed("wait for the next code on the screen")
    return location, [_open(right, code) for right in unopened]


def _genuine(text: str) -> DoorCode:
    code = read_code(text)
    if code is None or not is_genuine(code, code_key(code.location_id)):
        raise CodeUnknown("scan the code on the screen of the location")
    if not is_on_screen(code.step, clock.now()):
        raise CodeExpired(f"scan the one that is there now; it changes every {CODE_STEP_SECONDS} seconds")
    return code


def is_on_screen(step: int, now: datetime) -> bool:
    """Whether a code is shown now, was shown just before, or is shown next by a controller whose clock is ahead."""
    return step_at(now) - STEPS_ALLOWED <= step <= step_at(now) + 1


def code_key(location_id: str) -> bytes:
    return key_of_location(locker_settings().code_secret, location_id)


def is_online(location: Location) -> bool:
    seen = location.controller_seen_at
    return seen is not None and clock.now() - seen < CONTROLLER_SILENT_AFTER


def _open(right: DoorRight, code: DoorCode) -> Opening:
    box = session().get_one(Box, right.box_id)
    if door_rights.is_over(right):
        raise HoldExpired("submit the order again to have another box")
    if box.state == "out_of_service":
        raise BoxOutOfService(f"box {box.label} is being repaired; ask the help desk")
    moment = clock.now()
    session().add(UsedCode(right_id=right.id, step=code.step, used_at=moment))
    grant = _issue(right, moment + GRANT_VALID_FOR, is_ahead=False)
    activity.note(
        "opening",
        box.location_id,
        box_id=box.id,
        order_id=right.order_id,
        person_id=right.person_id,
        purpose=right.purpose,
    )
    return Opening(grant, right, box)


def _issue(right: DoorRight, expires_at: datetime, *, is_ahead: bool) -> Grant:
    grant = Grant(
        id=new_id("grt"),
        right_id=right.id,
        location_id=right.location_id,
        box_id=right.box_id,
        person_id=right.person_id,
        is_ahead=is_ahead,
        state="issued",
        issued_at=clock.now(),
        expires_at=expires_at,
    )
    session().add(grant)
    session().flush()
    return grant


def grants_for(location: Location, *, ahead: bool) -> list[tuple[Grant, str]]:
    """The grants that the location's controller should have now, each signed; those for the day are wrapped."""
    if ahead:
        _issue_ahead(location)
    live = select(Grant, DoorRight.purpose).join(DoorRight, DoorRight.id == Grant.right_id)
    live = live.where(
        Grant.location_id == location.id,
        Grant.state == "issued",
        Grant.expires_at > clock.now(),
        Grant.is_ahead.is_(ahead),
    )
    rows = session().execute(live.order_by(Grant.id).limit(500)).all()
    return [(grant, _signed(grant, purpose)) for grant, purpose in rows]


def _issue_ahead(location: Location) -> None:
    """Grants until the end of the day (UTC) for the work that is assigned at the location and has none yet."""
    has_one = select(Grant.id).where(
        Grant.right_id == DoorRight.id, Grant.is_ahead.is_(True), Grant.expires_at > clock.now()
    )
    wanted = select(DoorRight).where(
        DoorRight.location_id == location.id,
        DoorRight.state == "open",
        DoorRight.purpose.in_(door_rights.AHEAD),
        ~has_one.exists(),
    )
    for right in list(session().scalars(wanted.limit(500))):
        _issue(right, end_of(clock.now().date()), is_ahead=True)


def end_of(day: date) -> datetime:
    """The end of a day in UTC."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)


def _signed(grant: Grant, purpose: str) -> str:
    claims = GrantClaims(grant.id, grant.location_id, grant.box_id, grant.person_id, purpose)
    signed = door_grants.sign(_signing_key(), claims, grant.issued_at, grant.expires_at)
    return door_grants.wrap(signed, day_key(grant.person_id, grant.issued_at.date())) if grant.is_ahead else signed


def day_key(person_id: str, day: date) -> bytes:
    """What the person's phone shows to a box that has no network, to open what was handed out for the day."""
    return door_grants.day_key(locker_settings().code_secret, person_id, day)


def public_keys() -> dict[str, object]:
    """The JWK set that controllers check grants with."""
    return dict(KeySet([_signing_key()]).as_dict(private=False))


def _signing_key() -> ECKey:
    return _read_key(locker_settings().grant_key_file)


@lru_cache(maxsize=2)
def _read_key(path: Path) -> ECKey:
    key = ECKey.import_key(path.read_text(), {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    return key


def forget_old_codes() -> None:
    """A code that is long off the screen needs no memory."""
    session().execute(delete(UsedCode).where(UsedCode.used_at < clock.now() - KEEP_CODES))
