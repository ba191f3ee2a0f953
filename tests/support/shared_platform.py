"""One platform per stack for all workers of a test run; the first that needs it starts it and stops it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO

from libs.runner.layout_json import saved
from tests.support.platform import RunningPlatform, locked

StartPlatform = Callable[[Path], AbstractContextManager[RunningPlatform]]


@contextmanager
def shared_platform(folder: Path, start: StartPlatform) -> Iterator[RunningPlatform]:
    """Use the platform whose run directory is `folder / "run"`; `start` starts it there if no worker has yet.

    The worker that started it waits until no other worker uses it before it stops it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run_dir, stopped = folder / "run", folder / "stopped"
    with ExitStack() as owner, (folder / "users.lock").open("a") as users:
        with locked(folder / "start.lock", alone=True):
            fcntl.flock(users, fcntl.LOCK_SH)
            is_owner = not run_dir.exists()
            platform = owner.enter_context(start(run_dir)) if is_owner else RunningPlatform(saved(run_dir))
        assert not stopped.exists(), "the platform of this run was stopped before its last test"
        yield platform
        if is_owner:
            _wait_for_the_others(users)
            stopped.touch()


def _wait_for_the_others(users: IO[str]) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
