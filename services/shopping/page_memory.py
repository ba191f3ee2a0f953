"""Pages of the catalogue, remembered by each process for as long as no product changes.

ElastiCache has a mark that every change of a product replaces. A page is good while the mark is the one that was
read before the page was made; so a sale is seen by the very next request, in every process. Without ElastiCache
nothing is remembered. A process that died between a change and its mark is why no page is kept for long.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

from redis import exceptions

from libs.chassis.cache import redis_client
from libs.chassis.logs import get_logger

MARK_KEY = "catalogue:mark"
KEPT_SECONDS = 5.0
MOST_PAGES = 500
CACHE_LEFT_ALONE_SECONDS = 2.0

Page = dict[str, Any]

_pages: dict[Hashable, tuple[str, float, Page]] = {}
_lock = Lock()
_cache_away_until = float("-inf")


def remembered(key: Hashable, make: Callable[[], Page]) -> Page:
    """The page of this key: as it was made last when no product has changed since, or made now."""
    mark = _mark()
    if mark is None:
        return make()
    known = _pages.get(key)
    if known is not None and known[0] == mark and known[1] > time.monotonic():
        return known[2]
    page = make()
    with _lock:
        if len(_pages) >= MOST_PAGES:
            _pages.clear()
        _pages[key] = (mark, time.monotonic() + KEPT_SECONDS, page)
    return page


def forget() -> None:
    """A product changed: no page that was made before counts any more.

    Whoever sells does not wait for a cache that is away; other processes that still reach it keep their pages for
    KEPT_SECONDS at most then.
    """
    if time.monotonic() < _cache_away_until:
        return
    try:
        redis_client().set(MARK_KEY, uuid.uuid4().hex)
    except exceptions.RedisError as error:
        _leave_cache_alone()
        get_logger(__name__).warning("pages not forgotten, cache away", reason=type(error).__name__)


def _mark() -> str | None:
    if time.monotonic() < _cache_away_until:
        return None
    try:
        found: Any = redis_client().get(MARK_KEY)
        if found is None:
            redis_client().set(MARK_KEY, uuid.uuid4().hex, nx=True)
            found = redis_client().get(MARK_KEY)
    except exceptions.RedisError:
        _leave_cache_alone()
        return None
    mark: str | None = found
    return mark


def _leave_cache_alone() -> None:
    global _cache_away_until
    _cache_away_until = time.monotonic() + CACHE_LEFT_ALONE_SECONDS
