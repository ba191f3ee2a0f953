"""The devices that receive a user's push messages."""

from __future__ import annotations

from sqlalchemy import func, select

from libs.chassis import clock
from libs.chassis.db import session
from libs.chassis.ids import new_id
from libs.chassis.problems import Conflict, NotFound
from services.auth.notifications.tables import PushDevice

MAX_DEVICES = 10


class TooManyDevices(Conflict):
    slug, title = "too-many-devices", "No more devices can be added"


def require_capacity(user_id: str) -> None:
    """Raise TooManyDevices when the user has the maximum number of devices."""
    count = select(func.count()).where(PushDevice.user_id == user_id)
    if (session().scalar(count) or 0) >= MAX_DEVICES:
        raise TooManyDevices(f"remove one of the {MAX_DEVICES} devices first")


def assign(user_id: str, platform: str, endpoint_arn: str) -> PushDevice:
    """Add a device to the user. A known device moves to the user, so it gets no messages of its former user."""
    device = session().scalar(select(PushDevice).where(PushDevice.endpoint_arn == endpoint_arn))
    if device is None:
        device = PushDevice(id=new_id("dev"), platform=platform, endpoint_arn=endpoint_arn, created_at=clock.now())
        session().add(device)
    device.user_id = user_id
    return device


def remove(user_id: str, device_id: str) -> None:
    """Remove a device of the user; NotFound for any other device."""
    device = session().get(PushDevice, device_id)
    if device is None or device.user_id != user_id:
        raise NotFound
    session().delete(device)
