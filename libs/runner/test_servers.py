"""Servers that the tests want beside the embedded ones: MariaDB and Redis from Debian.

Where this is root on Debian, what is missing is installed (and not started: the tests start their own on private
ports). Elsewhere it says what is left out and why, unless RECLOTHES_REQUIRE_REAL_SERVERS=1 makes that an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PACKAGES = {"mariadbd": "mariadb-server", "redis-server": "redis-server"}


def program(name: str) -> str | None:
    """The path of a server's program; servers live in sbin, which is not on everybody's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def are_required() -> bool:
    return os.environ.get("RECLOTHES_REQUIRE_REAL_SERVERS") == "1"


def main(wanted: Mapping[str, str] = PACKAGES) -> int:
    """0 when all are there or may be left out, 1 when they are required and missing.

    `wanted` maps a program to the Debian package that has it.
    """
    missing = [package for name, package in wanted.items() if program(name) is None]
    if missing and _may_install():
        print(f"Installing {' and '.join(missing)} from Debian …", flush=True)  # noqa: T201
        _install(missing)
        missing = [package for name, package in wanted.items() if program(name) is None]
    if not missing:
        return 0
    reason = "installing did not work" if _may_install() else "this is not root on Debian"
    print(f"Left out: the tests on {' and '.join(missing)} ({reason}).", file=sys.stderr)  # noqa: T201
    return 1 if are_required() else 0


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def _install(packages: list[str]) -> None:
    """Install without starting anything (policy-rc.d, Debian policy 9.3.3.1)."""
    policy = Path("/usr/sbin/policy-rc.d")
    own_policy = not policy.exists()
    if own_policy:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    surroundings = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        for command in (["update", "-qq"], ["install", "-y", "-qq", *packages]):
            # Somebody else may be installing: wait for the lock rather than fail.
            subprocess.run(
                ["apt-get", "-o", "DPkg::Lock::Timeout=300", *command],
                env=surroundings,
                stdout=subprocess.DEVNULL,
                check=False,
            )
    finally:
        if own_policy:
            policy.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
