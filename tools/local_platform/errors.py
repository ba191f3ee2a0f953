"""Why the platform cannot run; each error has an exit code of its own."""

from __future__ import annotations

from tools.errors import ToolError


class PortInUse(ToolError):
    exit_code = 3


class AlreadyRunning(ToolError):
    exit_code = 4


class NoDiskSpace(ToolError):
    exit_code = 5


class DidNotStart(ToolError):
    exit_code = 6


class DamagedFile(ToolError):
    """A file of the run directory is missing, empty or unreadable, and cannot be replaced without losing data."""

    exit_code = 9
