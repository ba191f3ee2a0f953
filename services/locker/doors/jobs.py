"""Delete used codes that have expired long ago."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from libs.chassis import clock
from libs.chassis.db import session
from services.locker.doors.tables import UsedCode
from services.locker.registry import registry

RETENTION = timedelta(hours=1)


@registry.every(seconds=600)
def delete_old_codes() -> None:
    session().execute(delete(UsedCode).where(UsedCode.used_at < clock.now() - RETENTION))
