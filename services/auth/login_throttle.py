"""Too many wrong passwords for one account or from one address: a growing wait, counted in the database.

The first five failures of an account cost nothing (fifty of an address, behind which many people may be); each
further one doubles the wait, up to fifteen minutes. A try is counted before its password is looked at, so that many
at the same moment gain nothing. A right password ends the account's count and takes its own try off the address's.
An unknown address is counted like a known one, so the wait tells nothing. Customers and staff are counted apart:
nobody on the internet can make a manager wait.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from libs.chassis import audit, clock
from libs.chassis.db import retrying_serialization, session, unit_of_work
from libs.chassis.problems import TooManyRequests
from services.auth.models import LoginFailures

FREE_FAILURES = 5
FREE_FAILURES_OF_ADDRESS = 50
LONGEST_WAIT_SECONDS = 900
FORGOTTEN_AFTER = timedelta(days=1)


class TooManyFailures(TooManyRequests):
    slug, title = "too-many-failures", "Too many failed log-ins"


def count_try(kind: str, email: str) -> None:
    """Count a try, in a transaction of its own; TooManyFailures, with the seconds left, while one has to wait."""
    for key, free in _keys(kind, email):
        try:
            retrying_serialization(partial(_count, key, free))
        except IntegrityError:
            _count(key, free)  # two first tries at the same moment


def forget_failures(kind: str, email: str) -> None:
    """A right password ends the account's count; of the address only this try is taken back."""
    (account, _), *address = _keys(kind, email)
    with unit_of_work() as db:
        db.execute(delete(LoginFailures).where(LoginFailures.key_hash == account))
        for key, _ in address:
            counted = update(LoginFailures).where(LoginFailures.key_hash == key, LoginFailures.failures > 0)
            db.execute(counted.values(failures=LoginFailures.failures - 1))


def forget_account(kind: str, email: str) -> None:
    """A new password ends the account's count, in the current unit of work."""
    session().execute(delete(LoginFailures).where(LoginFailures.key_hash == _keys(kind, email)[0][0]))


def wait_after(failures: int, free: int = FREE_FAILURES) -> timedelta | None:
    """How long one waits after so many failures, of which `free` cost nothing."""
    beyond = failures - free
    return timedelta(seconds=min(1 << min(beyond, 10), LONGEST_WAIT_SECONDS)) if beyond > 0 else None


def _keys(kind: str, email: str) -> list[tuple[str, int]]:
    """What is counted, with the failures that are free: the account first."""
    address = audit.source_address.get()
    keys = [(f"{kind}:{email}", FREE_FAILURES)]
    keys += [(f"{kind}-address:{address}", FREE_FAILURES_OF_ADDRESS)] if address else []
    return [(hashlib.sha256(name.encode()).hexdigest(), free) for name, free in keys]


def _count(key: str, free: int) -> None:
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
        wait = wait_after(row.failures, free)
        row.wait_until = moment + wait if wait else None
