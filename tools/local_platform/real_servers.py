"""MariaDB and Redis from Debian, for the tests that do not use the embedded stores.

Missing servers are installed if this is root on Debian, and not started: tests start their own on private ports.
Elsewhere the tests that need them are skipped, unless RECLOTHES_REQUIRE_REAL_SERVERS=1 makes that an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tools.local_platform.debian import can_install, ensure_programs, program

__all__ = ["are_required", "main", "program"]

PROGRAMS = {"mariadbd": "mariadb-server", "redis-server": "redis-server"}


def are_required() -> bool:
    return os.environ.get("RECLOTHES_REQUIRE_REAL_SERVERS") == "1"


def main(programs: Mapping[str, str] = PROGRAMS) -> int:
    """Return 0 when all servers are installed or optional, 1 when a required one is missing.

    `programs` maps each program to the Debian package that contains it.
    """
    missing = ensure_programs(programs)
    if not missing:
        return 0
    reason = "the installation failed" if can_install() else "this is not root on Debian"
    print(f"Skipped: the tests with {' and '.join(missing)} ({reason}).", file=sys.stderr)  # noqa: T201
    return 1 if are_required() else 0


if __name__ == "__main__":
    sys.exit(main())
