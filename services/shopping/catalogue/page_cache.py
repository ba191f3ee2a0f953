"""Responses and products of the catalogue, cached in each process as long as no product changes.

An entry is current while the revision of all products is the one that was read before the entry was loaded, so the
next request in every process sees a sale. Without ElastiCache nothing is cached. A process may die between a
change and the new revision, so an entry is never kept for long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from libs.chassis.runtime import per_process
from services.shopping.products.revision import get_revision
from services.shopping.products.rules import Product

MAX_AGE_SECONDS = 5.0
MAX_ENTRIES = 1_000

Page = dict[str, Any]
Products = dict[str, Product]


class PageCache:
    def __init__(self) -> None:
        self._entries: dict[Hashable, tuple[str, float, Page | Product]] = {}
        self._loading: dict[tuple[Hashable, str], Future[Page]] = {}
        self._lock = Lock()

    def get_page(self, key: Hashable, load: Callable[[], Page]) -> Page:
        """The cached page, or the one that `load` returns; of concurrent requests only one loads it."""
        revision = get_revision()
        if revision is None:
            return load()
        page: Page | None = self._get(key, revision)
        if page is not None:
            return page
        own: Future[Page] = Future()
        with self._lock:
            shared = self._loading.setdefault((key, revision), own)
        return self._load(key, revision, load, own) if shared is own else shared.result()

    def get_products(self, product_ids: Iterable[str], find: Callable[[list[str]], Products]) -> Products:
        """The products that exist; `find` is called once for those that are not cached."""
        revision = get_revision()
        if revision is None:
            return find(list(product_ids))
        products = {product_id: self._get(("product", product_id), revision) for product_id in product_ids}
        missing = [product_id for product_id, product in products.items() if product is None]
        found = find(missing) if missing else {}
        for product_id, product in found.items():
            self._put(("product", product_id), revision, product)
        return {product_id: product for product_id, product in {**products, **found}.items() if product is not None}

    def _get(self, key: Hashable, revision: str) -> Any:
        entry = self._entries.get(key)
        is_current = entry is not None and entry[0] == revision and entry[1] > time.monotonic()
        return entry[2] if entry is not None and is_current else None

    def _put(self, key: Hashable, revision: str, value: Page | Product) -> None:
        with self._lock:
            if len(self._entries) >= MAX_ENTRIES:
                self._entries.clear()
            self._entries[key] = (revision, time.monotonic() + MAX_AGE_SECONDS, value)

    def _load(self, key: Hashable, revision: str, load: Callable[[], Page], future: Future[Page]) -> Page:
        """Load the page for this request and for those that wait for it; they get its error, too."""
        try:
            page = load()
            self._put(key, revision, page)
            future.set_result(page)
            return page
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._loading[key, revision]


@per_process
def page_cache() -> PageCache:
    return PageCache()
