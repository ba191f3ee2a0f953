"""Servers that the tests want beside the embedded ones: MariaDB and Redis from Debian.

Where this is root on Debian, what is missing is installed (and not started: the tests start their own on private
ports). Elsewhere it says what is left out and why, unless RECLOTHES_REQUIRE_REAL_SERVERS=1 makes that an error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from tools.local_platform.debian import ensure_programs, may_install, program

__all__ = ["are_required", "main", "program"]

PACKAGES = {"mariadbd": "mariadb-server", "redis-server": "redis-server"}


def are_required() -> bool:
    return os.environ.get("RECLOTHES_REQUIRE_REAL_SERVERS") == "1"


def main(wanted: Mapping[str, str] = PACKAGES) -> int:
    """0 when all are there or may be left out, 1 when they are required and missing.

    `wanted` maps a program to the Debian package that has it.
    """
    missing = ensure_programs(wanted)
    if not missing:
        return 0
    reason = "installing did not work" if may_install() else "this is not root on Debian"
    print(f"Left out: the tests on {' and '.join(missing)} ({reason}).", file=sys.stderr)  # noqa: T201
    return 1 if are_required() else 0


if __name__ == "__main__":
    sys.exit(main())
