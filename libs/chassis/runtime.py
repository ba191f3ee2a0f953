"""What a process builds once and then shares: clients, connection pools, caches, circuit breakers, keys.

There is one place for all of it, the current `Runtime`. A function with `@per_process` builds its value at the
first call and returns the same value until the runtime is replaced, which tests do as a whole with `new_runtime()`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
_NOTHING = object()


class Runtime:
    """The shared objects of one process, by the function and the arguments that built them."""

    def __init__(self) -> None:
        self._built: dict[Hashable, Any] = {}
        self._lock = threading.RLock()

    def get_or_build(self, key: Hashable, build: Callable[[], T]) -> T:
        """The object with this key; `build` is called once, also when several threads ask for it."""
        value = self._built.get(key, _NOTHING)
        if value is _NOTHING:
            with self._lock:
                value = self._built.get(key, _NOTHING)
                if value is _NOTHING:
                    value = self._built[key] = build()
        return cast(T, value)

    def put(self, key: Hashable, value: object) -> None:
        self._built[key] = value


class PerProcess(Generic[P, T]):
    """A function whose result is built once per runtime and set of (hashable) arguments."""

    def __init__(self, build: Callable[P, T]) -> None:
        self._build = build
        functools.update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return _current.get_or_build(self._key(args, kwargs), lambda: self._build(*args, **kwargs))

    def use(self, value: T, *args: P.args, **kwargs: P.kwargs) -> None:
        """Let calls with these arguments return `value` in the current runtime."""
        _current.put(self._key(args, kwargs), value)

    def _key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Hashable:
        return (self._build, args, tuple(sorted(kwargs.items())))


def per_process(build: Callable[P, T]) -> PerProcess[P, T]:
    """Decorate a function that builds something the whole process shares."""
    return PerProcess(build)


_current = Runtime()


@contextmanager
def new_runtime() -> Iterator[Runtime]:
    """Use an empty runtime inside the block: everything is built again there (for tests)."""
    global _current
    before, _current = _current, Runtime()
    try:
        yield _current
    finally:
        _current = before
