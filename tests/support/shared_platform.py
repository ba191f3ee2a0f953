"""One platform per stack for all workers of a test run; the first that needs it starts it and stops it."""

from __future__ import annotations

import fcntl
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.support.platform import RunningPlatform, locked
from tools.local_platform.layout_json import load

StartPlatform = Callable[[Path], AbstractContextManager[RunningPlatform]]


@contextmanager
def shared_platform(folder: Path, start: StartPlatform) -> Iterator[RunningPlatform]:
    """Use the platform that another worker has started in `folder`, or start one there by `start`.

    The worker that started it stops it when no other worker uses it any more. Whoever comes after that starts
    another one.
    """
    for number in itertools.count():
        place = folder / str(number)
        place.mkdir(parents=True, exist_ok=True)
        with (place / "users.lock").open("a") as users, ExitStack() as owner:
            fcntl.flock(users, fcntl.LOCK_SH)
            if (place / "stopped").exists():
                continue
            with locked(place / "start.lock", alone=True):
                is_owner = not (place / "started").exists()
                if is_owner:
                    platform = owner.enter_context(start(place / "run"))
                    (place / "started").touch()
                else:
                    platform = RunningPlatform(load(place / "run"))
            yield platform
            if is_owner:
                fcntl.flock(users, fcntl.LOCK_EX)  # waits for the other users
                (place / "stopped").touch()
            return
