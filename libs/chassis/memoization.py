"""Results per schema object, which is not hashable and lives as long as the contract."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def memoize_by_identity(
    function: Callable[Concatenate[dict[str, Any], P], T], /
) -> Callable[Concatenate[dict[str, Any], P], T]:
    """Call the function once per first argument; the argument is kept, so that its `id` is not used again."""
    results: dict[int, tuple[Any, T]] = {}

    @functools.wraps(function)
    def memoized(schema: dict[str, Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        known = results.get(id(schema))
        if known is None:
            known = results[id(schema)] = (schema, function(schema, *args, **kwargs))
        return known[1]

    return memoized
