"""Results per schema object, which is not hashable and lives as long as the contract."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def memoize_by_identity(function: Callable[[dict[str, Any]], T]) -> Callable[[dict[str, Any]], T]:
    """Call the function once per argument, which is kept, so that its `id` is not used again."""
    results: dict[int, tuple[Any, T]] = {}

    @functools.wraps(function)
    def memoized(schema: dict[str, Any]) -> T:
        known = results.get(id(schema))
        if known is None:
            known = results[id(schema)] = (schema, function(schema))
        return known[1]

    return memoized
