"""The codes on the screens of the locations: verify them, and accept each once for a door."""

from __future__ import annotations

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.door_codes import CODE_STEP_SECONDS, DoorCode, is_genuine, key_of_location, read_code
from libs.chassis.problems import Conflict, Unprocessable
from services.locker.doors.rules import is_code_current
from services.locker.doors.tables import DoorRight, UsedCode
from services.locker.settings import locker_settings


class CodeUnknown(Unprocessable):
    slug, title = "code-unknown", "This is not a code of a drop-off location"


class CodeExpired(Conflict):
    slug, title = "code-expired", "The code is no longer on the screen"


class CodeUsed(Conflict):
    slug, title = "code-used", "The door was opened with this code already"


def verify_code(text: str) -> DoorCode:
    """Parse a code and check its signature and its time. Raises CodeUnknown, CodeExpired."""
    code = read_code(text)
    if code is None or not is_genuine(code, code_key(code.location_id)):
        raise CodeUnknown("scan the code on the screen of the location")
    if not is_code_current(code.step, clock.now()):
        raise CodeExpired(f"scan the present code; it changes every {CODE_STEP_SECONDS} seconds")
    return code


def code_key(location_id: str) -> bytes:
    """The key with which the controller of a location signs its codes."""
    return key_of_location(locker_settings().code_secret, location_id)


def was_used(code: DoorCode, right: DoorRight) -> bool:
    return session().get(UsedCode, (right.id, code.step)) is not None


def mark_used(code: DoorCode, right: DoorRight) -> None:
    session().add(UsedCode(right_id=right.id, step=code.step))
