"""Installing Debian's packages where that may be done: as root on Debian, and without starting anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def program(name: str) -> str | None:
    """The path of a program; servers live in sbin, which is not on everybody's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def ensure_programs(wanted: Mapping[str, str]) -> list[str]:
    """Install the programs that are missing where that is permitted; the packages that are still missing.

    `wanted` maps a program to the Debian package that contains it.
    """
    missing = [package for name, package in wanted.items() if program(name) is None]
    if missing and may_install():
        print(f"Installing {' and '.join(missing)} from Debian …", flush=True)  # noqa: T201
        install(missing)
        missing = [package for name, package in wanted.items() if program(name) is None]
    return missing


def install(packages: Sequence[str]) -> None:
    """Install without starting anything (policy-rc.d, Debian policy 9.3.3.1)."""
    policy = Path("/usr/sbin/policy-rc.d")
    own_policy = not policy.exists()
    if own_policy:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    surroundings = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-y", "-qq", "--no-install-recommends"]
    try:
        for command in (["update", "-qq"], ["install", *options, *packages]):
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
