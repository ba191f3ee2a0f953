"""Too many wrong passwords for one account: a growing wait, counted in the database.

The first five failures cost nothing; each further one doubles the wait, up to fifteen minutes. A try is counted
before its password is looked at, so that many at the same moment gain nothing, and a right password ends the count.
An unknown address is counted like a known one, so the wait tells nothing. Customers and staff are counted apart:
nobody on the internet can make a manager wait.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from libs.chassis import clock
from libs.chassis.db import retrying_serialization, unit_of_work
from libs.chassis.problems import TooManyRequests
from services.auth.models import LoginFailures

FREE_FAILURES = 5
LONGEST_WAIT_SECONDS = 900
FORGOTTEN_AFTER = timedelta(days=1)


class TooManyFailures(TooManyRequests):
    slug, title = "too-many-failures", "Too many failed log-ins for this account"


def count_try(kind: str, email: str) -> None:
    """Count a try, in a transaction of its own; TooManyFailures, with the seconds left, while one has to wait."""
    key = _key(kind, email)
    try:
        retrying_serialization(lambda: _count(key))
    except IntegrityError:
        _count(key)  # two first tries at the same moment


def forget_failures(kind: str, email: str) -> None:
    """A right password ends the count."""
    with unit_of_work() as db:
        db.execute(delete(LoginFailures).where(LoginFailures.key_hash == _key(kind, email)))


def wait_after(failures: int) -> timedelta | None:
    """How long one waits after so many failures."""
    beyond = failures - FREE_FAILURES
    return timedelta(seconds=min(1 << min(beyond, 10), LONGEST_WAIT_SECONDS)) if beyond > 0 else None


def _key(kind: str, email: str) -> str:
    return hashlib.sha256(f"{kind}:{email}".encode()).hexdigest()


def _count(key: str) -> None:
    with unit_of_work() as db:
        row = db.get(LoginFailures, key, with_for_update=True)
        moment = clock.now()
        if row is None:
            row = LoginFailures(key_hash=key, failures=0, last_at=moment)
            db.add(row)
        if row.wait_until is not None and row.wait_until > moment:
            seconds = int((row.wait_until - moment).total_seconds()) + 1
            raise TooManyFailures("wait a while before the next try", retry_after=seconds)
        row.failures = 1 if moment - row.last_at > FORGOTTEN_AFTER else row.failures + 1
        row.last_at = moment
        wait = wait_after(row.failures)
        row.wait_until = moment + wait if wait else None
