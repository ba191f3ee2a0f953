"""Slow down password guessing, per account and per source address.

The first five failures of an account are free, and the first fifty of an address, which many people may share. Each
further failure doubles the wait, up to fifteen minutes. An attempt is counted before its password is checked, so
that concurrent attempts gain nothing; a right password resets the account and takes its own attempt off the
address. For IPv6 the network is counted, because a subscriber has a whole one. Unknown accounts are counted like
known ones, so the wait reveals nothing. Customers and staff are counted separately: nobody on the internet can lock
out a manager.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, update

from libs.chassis import audit, clock
from libs.chassis.db import insert_missing, session
from libs.chassis.problems import TooManyRequests
from services.auth.sessions.tables import LoginFailures

FREE_FAILURES = 5
FREE_FAILURES_PER_ADDRESS = 50
MAX_WAIT_SECONDS = 900
FAILURES_EXPIRE_AFTER = timedelta(days=1)
IPV6_SUBSCRIBER_BITS = 64


class TooManyFailures(TooManyRequests):
    slug, title = "too-many-failures", "Too many failed log-ins"


@dataclass(frozen=True)
class _Counter:
    """A counter of failures; `subject` is account or address."""

    subject: str
    key_hash: str
    free_failures: int


def count_attempt(kind: str, email: str) -> dict[str, int]:
    """Count an attempt. Return the seconds to wait if it fails, by what it locks: account, address or nothing.

    The caller commits before it checks the password.

    Raises:
        TooManyFailures: the account or the address is locked; it has the seconds left.
    """
    counters, now = _find_counters(kind, email), clock.now()
    insert_missing(
        LoginFailures,
        [{"key_hash": counter.key_hash, "failures": 0, "last_at": now, "wait_until": None} for counter in counters],
    )
    waits = {counter.subject: _increment(counter, now) for counter in counters}
    return {subject: int(wait.total_seconds()) for subject, wait in waits.items() if wait is not None}


def _increment(counter: _Counter, now: datetime) -> timedelta | None:
    row = session().get_one(LoginFailures, counter.key_hash, with_for_update=True)
    if row.wait_until is not None and row.wait_until > now:
        seconds = int((row.wait_until - now).total_seconds()) + 1
        raise TooManyFailures("wait before you try again", retry_after=seconds)
    row.failures = count_failures(row.failures, row.last_at, now)
    row.last_at = now
    wait = calculate_wait(row.failures, counter.free_failures)
    row.wait_until = now + wait if wait else None
    return wait


def reset(kind: str, email: str) -> None:
    """Reset the account after a right password, and take the attempt off the address."""
    reset_account(kind, email)
    for address in _find_counters(kind, email)[1:]:
        counted = update(LoginFailures).where(
            LoginFailures.key_hash == address.key_hash, LoginFailures.failures > 0
        )
        session().execute(counted.values(failures=LoginFailures.failures - 1))


def reset_account(kind: str, email: str) -> None:
    """Reset the account, as after a new password."""
    account = _find_counters(kind, email)[0]
    session().execute(delete(LoginFailures).where(LoginFailures.key_hash == account.key_hash))


def calculate_wait(failures: int, free_failures: int = FREE_FAILURES) -> timedelta | None:
    """Return how long to wait after this number of failures, or None."""
    excess = failures - free_failures
    return timedelta(seconds=min(1 << min(excess, 10), MAX_WAIT_SECONDS)) if excess > 0 else None


def count_failures(failures: int, last_at: datetime, now: datetime) -> int:
    """Return the number of failures if the present attempt fails; expired failures do not count."""
    return 1 if now - last_at > FAILURES_EXPIRE_AFTER else failures + 1


def _find_counters(kind: str, email: str) -> list[_Counter]:
    """Return the counter of the account, then that of the source address, if it is known."""
    counters = [_Counter("account", _hash(f"{kind}:{email}"), FREE_FAILURES)]
    if subscriber := find_subscriber(audit.source_address.get()):
        key_hash = _hash(f"{kind}-address:{subscriber}")
        counters.append(_Counter("address", key_hash, FREE_FAILURES_PER_ADDRESS))
    return counters


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def find_subscriber(address: str) -> str:
    """Return what identifies the subscriber: an IPv4 address, or the network of an IPv6 address.

    Text that is no IP address is returned unchanged.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, IPV6_SUBSCRIBER_BITS), strict=False))
