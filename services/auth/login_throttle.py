"""Too many wrong passwords for one account or from one address: a growing wait, counted in the database.

The first five failures of an account cost nothing (fifty of an address, behind which many people may be); each
further one doubles the wait, up to fifteen minutes. A try is counted before its password is looked at, so that many
at the same moment gain nothing. A right password ends the account's count and takes its own try off the address's.
Of an IPv6 address the network counts, since a subscriber has a whole one to change addresses in.
An unknown address is counted like a known one, so the wait tells nothing. Customers and staff are counted apart:
nobody on the internet can make a manager wait.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
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
IPV6_SUBSCRIBER_BITS = 64


class TooManyFailures(TooManyRequests):
    slug, title = "too-many-failures", "Too many failed log-ins"


@dataclass(frozen=True)
class _Counted:
    """What tries are counted for: `of` is account or address, `free` failures of it cost nothing."""

    of: str
    key_hash: str
    free: int


def count_try(kind: str, email: str) -> dict[str, int]:
    """Count a try, in a transaction of its own; TooManyFailures, with the seconds left, while one has to wait.

    The seconds that have to be waited if this try fails too, by what is locked then: account, address, or nothing.
    """
    waits = {}
    for counted in _counted(kind, email):
        try:
            wait = retrying_serialization(partial(_count, counted))
        except IntegrityError:
            wait = _count(counted)  # two first tries at the same moment
        if wait is not None:
            waits[counted.of] = int(wait.total_seconds())
    return waits


def forget_failures(kind: str, email: str) -> None:
    """A right password ends the account's count; of the address only this try is taken back."""
    account, *addresses = _counted(kind, email)
    with unit_of_work() as db:
        db.execute(delete(LoginFailures).where(LoginFailures.key_hash == account.key_hash))
        for address in addresses:
            of_address = update(LoginFailures).where(LoginFailures.key_hash == address.key_hash)
            one_less = of_address.where(LoginFailures.failures > 0).values(failures=LoginFailures.failures - 1)
            db.execute(one_less)


def forget_account(kind: str, email: str) -> None:
    """A new password ends the account's count, in the current unit of work."""
    account = _counted(kind, email)[0]
    session().execute(delete(LoginFailures).where(LoginFailures.key_hash == account.key_hash))


def wait_after(failures: int, free: int = FREE_FAILURES) -> timedelta | None:
    """How long one waits after so many failures, of which `free` cost nothing."""
    beyond = failures - free
    return timedelta(seconds=min(1 << min(beyond, 10), LONGEST_WAIT_SECONDS)) if beyond > 0 else None


def failures_with_this(failures: int, last_at: datetime, now: datetime) -> int:
    """The count including the present try; old failures do not count."""
    return 1 if now - last_at > FORGOTTEN_AFTER else failures + 1


def _counted(kind: str, email: str) -> list[_Counted]:
    """What is counted, the account first."""
    address = subscriber_of(audit.source_address.get())
    found = [_Counted("account", _hash_of(f"{kind}:{email}"), FREE_FAILURES)]
    if address:
        found.append(_Counted("address", _hash_of(f"{kind}-address:{address}"), FREE_FAILURES_OF_ADDRESS))
    return found


def _hash_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def subscriber_of(address: str) -> str:
    """Whom an address stands for: an IPv4 address itself, an IPv6 one its network. What is none stays as it is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_SUBSCRIBER_BITS), strict=False))


def _count(counted: _Counted) -> timedelta | None:
    """Count one more; how long one waits if it fails."""
    with unit_of_work() as db:
        row = db.get(LoginFailures, counted.key_hash, with_for_update=True)
        moment = clock.now()
        if row is None:
            row = LoginFailures(key_hash=counted.key_hash, failures=0, last_at=moment)
            db.add(row)
        if row.wait_until is not None and row.wait_until > moment:
            seconds = int((row.wait_until - moment).total_seconds()) + 1
            raise TooManyFailures("wait a while before the next try", retry_after=seconds)
        row.failures = failures_with_this(row.failures, row.last_at, moment)
        row.last_at = moment
        wait = wait_after(row.failures, counted.free)
        row.wait_until = moment + wait if wait else None
    return wait
