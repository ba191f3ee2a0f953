"""What can go wrong when the platform starts: one clear sentence and an exit code for each."""

from __future__ import annotations


class CannotRun(Exception):
    """The platform cannot run; the message is for the person who started it."""

    exit_code = 1


class PortTaken(CannotRun):
    exit_code = 3


class AlreadyRunning(CannotRun):
    exit_code = 4


class NoDiskSpace(CannotRun):
    exit_code = 5


class DidNotStart(CannotRun):
    exit_code = 6


class DamagedFile(CannotRun):
    """A file of the run directory is missing, empty or unreadable, and cannot be made again without a loss."""

    exit_code = 9
