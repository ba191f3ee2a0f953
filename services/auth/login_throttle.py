"""Too many wrong passwords for one account: a growing wait, counted in ElastiCache.

The first five failures cost nothing; each further one doubles the wait, up to fifteen minutes. An unknown address
is counted like a known one, so the wait tells nothing. Without ElastiCache nothing is counted: the gateway's
throttle and the slow hash still stand.
"""

from __future__ import annotations

import hashlib

from libs.chassis.cache import RedisError, redis_client
from libs.chassis.problems import TooManyRequests

FREE_FAILURES = 5
LONGEST_WAIT_SECONDS = 900


class TooManyFailures(TooManyRequests):
    slug, title = "too-many-failures", "Too many failed log-ins for this account"


def _key(email: str) -> str:
    return "login-failures:" + hashlib.sha256(email.encode()).hexdigest()


def refuse_when_waiting(email: str) -> None:
    """TooManyFailures, with the seconds to wait, while the account has to wait."""
    try:
        wait = int(redis_client().pttl(_key(email) + ":wait"))
    except RedisError:
        return
    if wait > 0:
        raise TooManyFailures("wait a while before the next try", retry_after=wait // 1000 + 1)


def note_failure(email: str) -> None:
    """Count a wrong password."""
    try:
        redis = redis_client()
        failures = int(redis.incr(_key(email)))
        redis.expire(_key(email), 86400)
        if failures > FREE_FAILURES:
            wait = min(2 ** (failures - FREE_FAILURES), LONGEST_WAIT_SECONDS)
            redis.set(_key(email) + ":wait", "1", ex=wait)
    except RedisError:
        return


def forget_failures(email: str) -> None:
    """A right password ends the count."""
    try:
        redis_client().delete(_key(email), _key(email) + ":wait")
    except RedisError:
        return
