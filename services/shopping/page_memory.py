"""Pages and products of the catalogue, remembered by each process for as long as no product changes.

ElastiCache has a mark that every change of a product replaces. A page is good while the mark is the one that was
read before the page was made; so a sale is seen by the very next request, in every process. Without ElastiCache
nothing is remembered. A process that died between a change and its mark is why no page is kept for long.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from redis import exceptions

from libs.chassis.cache import redis_client
from libs.chassis.logs import get_logger
from services.shopping.products import Product

MARK_KEY = "catalogue:mark"
KEPT_SECONDS = 5.0
MOST_PAGES = 1_000
CACHE_LEFT_ALONE_SECONDS = 2.0

Page = dict[str, Any]
Products = dict[str, Product]

_pages: dict[Hashable, tuple[str, float, Page | Product]] = {}
_being_made: dict[tuple[Hashable, str], Future[Page]] = {}
_lock = Lock()
_cache_away_until = float("-inf")


def remembered(key: Hashable, make: Callable[[], Page]) -> Page:
    """The page of this key: as it was made last when no product has changed since, or made now."""
    mark = _mark()
    if mark is None:
        return make()
    known: Page | None = _known(key, mark)
    if known is not None:
        return known
    promise: Future[Page] = Future()
    with _lock:
        made_for_all = _being_made.setdefault((key, mark), promise)
    if made_for_all is not promise:
        return made_for_all.result()
    return _make(key, mark, make, promise)


def remembered_products(product_ids: Iterable[str], find: Callable[[list[str]], Products]) -> Products:
    """These products; `find` is asked once for those that are not remembered, and leaves out what there is not."""
    mark = _mark()
    if mark is None:
        return find(list(product_ids))
    products = {product_id: _known(("facts", product_id), mark) for product_id in product_ids}
    unknown = [product_id for product_id, product in products.items() if product is None]
    found = find(unknown) if unknown else {}
    for product_id, product in found.items():
        _remember(("facts", product_id), mark, product)
    return {product_id: product for product_id, product in {**products, **found}.items() if product is not None}


def _known(key: Hashable, mark: str) -> Any:
    """What is remembered under this key and still good; None when there is nothing."""
    known = _pages.get(key)
    if known is not None and known[0] == mark and known[1] > time.monotonic():
        return known[2]
    return None


def _make(key: Hashable, mark: str, make: Callable[[], Page], promise: Future[Page]) -> Page:
    """One request makes the page; others that ask meanwhile, and saw the same mark, wait for it or fail with it."""
    try:
        page = make()
        _remember(key, mark, page)
        promise.set_result(page)
        return page
    except BaseException as error:
        promise.set_exception(error)
        raise
    finally:
        with _lock:
            del _being_made[key, mark]


def _remember(key: Hashable, mark: str, page: Page | Product) -> None:
    with _lock:
        if len(_pages) >= MOST_PAGES:
            _pages.clear()
        _pages[key] = (mark, time.monotonic() + KEPT_SECONDS, page)


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
