"""The lock of a run directory, which one platform at a time holds, and its process id."""

from __future__ import annotations

import fcntl
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tools.local_platform.errors import AlreadyRunning
from tools.local_platform.layout import Layout


@contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Lock the run directory for the time of the block; AlreadyRunning when another process holds the lock."""
    with layout.lock_file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(
                f"A platform already runs in {layout.run_dir}. Stop it with `make stop`, or choose another "
                "directory with --run-dir."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)


def is_held(layout: Layout) -> bool:
    """Whether a process holds the lock; the process id in the file remains after a runner was killed."""
    try:
        with layout.lock_file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def stop_holder(layout: Layout) -> bool:
    """Send SIGTERM to the runner that holds the lock and wait until it has ended; False when there is none.

    The pidfd is opened before the lock is checked, so that it cannot refer to a later process with the same id.
    """
    try:
        pidfd = os.pidfd_open(int(layout.lock_file.read_text()))
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return False
    try:
        if not is_held(layout):
            return False
        signal.pidfd_send_signal(pidfd, signal.SIGTERM)
        select.select([pidfd], [], [])
        return True
    finally:
        os.close(pidfd)
