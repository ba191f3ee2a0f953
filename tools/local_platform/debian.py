"""Installation of Debian packages as root, without starting their services."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def can_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and bool(shutil.which("apt-get"))


def program(name: str) -> str | None:
    """Return the path of a program, also from sbin, which not every PATH contains."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def ensure_programs(programs: Mapping[str, str]) -> list[str]:
    """Install missing programs if this is root on Debian; returns the packages that are still missing.

    `programs` maps each program to the Debian package that contains it.
    """
    missing = [package for name, package in programs.items() if program(name) is None]
    if missing and can_install():
        print(f"Installing {' and '.join(missing)} from Debian …", flush=True)  # noqa: T201
        install(missing)
        missing = [package for name, package in programs.items() if program(name) is None]
    return missing


def install(packages: Sequence[str]) -> None:
    """Install packages without starting their services (policy-rc.d, Debian policy 9.3.3.1)."""
    policy = Path("/usr/sbin/policy-rc.d")
    own_policy = not policy.exists()
    if own_policy:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-y", "-qq", "--no-install-recommends"]
    try:
        for command in (["update", "-qq"], ["install", *options, *packages]):
            # Wait for the lock if another process installs packages.
            subprocess.run(
                ["apt-get", "-o", "DPkg::Lock::Timeout=300", *command],
                env=environment,
                stdout=subprocess.DEVNULL,
                check=False,
            )
    finally:
        if own_policy:
            policy.unlink(missing_ok=True)
