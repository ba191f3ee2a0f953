"""The programs and rules of the firewall from Debian: nginx, ModSecurity and the OWASP core rule set.

The packages are downloaded and verified by apt, with package lists of its own, and unpacked into a folder of the
virtual environment. This needs no root and changes nothing in the system. Delete the folder to download them again.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.errors import ToolError

PACKAGES = ("nginx", "libnginx-mod-http-modsecurity", "modsecurity-crs")
PREFIX = Path(sys.prefix) / "debian"
SECONDS = 300


class FirewallUnavailable(ToolError):
    """The programs of the firewall cannot be downloaded."""

    exit_code = 8


@dataclass(frozen=True)
class WafPrograms:
    """The unpacked packages."""

    prefix: Path

    @property
    def nginx(self) -> Path:
        return self.prefix / "usr/sbin/nginx"

    @property
    def modules(self) -> Path:
        return self.prefix / "usr/lib/nginx/modules"

    @property
    def libraries(self) -> Path:
        """Shared libraries that the system may not have."""
        return self.prefix / f"usr/lib/{platform.machine()}-linux-gnu"

    @property
    def rules(self) -> Path:
        """The core rule set."""
        return self.prefix / "usr/share/modsecurity-crs/rules"

    @property
    def unicode_map(self) -> Path:
        return self.prefix / "etc/nginx/unicode.mapping"

    def are_complete(self) -> bool:
        module = self.modules / "ngx_http_modsecurity_module.so"
        return all(path.exists() for path in (self.nginx, module, self.rules, self.unicode_map))


def ensure(prefix: Path = PREFIX) -> WafPrograms:
    """Return the programs, which are downloaded on first use.

    Raises:
        FirewallUnavailable: the message has the fix.
    """
    programs = WafPrograms(prefix)
    if not programs.are_complete():
        _download(prefix)
        if not programs.are_complete():
            raise FirewallUnavailable(
                f"The Debian packages lack expected files. Delete {prefix} to download them again."
            )
    return programs


def _download(prefix: Path) -> None:
    """Download and unpack the packages and their missing dependencies; nothing remains after a failure."""
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise FirewallUnavailable(
            f"The firewall comes from Debian, but {' and '.join(missing)} is missing. Run without the firewall."
        )
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="debian-", dir=prefix.parent) as name:
        folder = Path(name)
        apt = _apt(folder)
        _run([*apt, "update"], folder)
        _run([*apt, "download", *_needed_packages(apt, folder)], folder)
        unpacked = folder / "unpacked"
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(package), str(unpacked)], folder)
        shutil.rmtree(prefix, ignore_errors=True)
        unpacked.rename(prefix)


def _apt(folder: Path) -> list[str]:
    """Return apt-get with the system's sources and keys, but with its own lists and cache."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache", "Debug::NoLocking=1"]
    options += ["APT::Sandbox::User=", "Acquire::Languages=none", "Acquire::Retries=3"]
    return ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]


def _needed_packages(apt: list[str], folder: Path) -> list[str]:
    """Return the packages with the dependencies to install (lines such as `Inst name (version …) …`)."""
    simulated = _run([*apt, "--simulate", "--no-install-recommends", "install", *PACKAGES], folder)
    needed = {line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")}
    return sorted(needed | set(PACKAGES))


def _run(command: list[str], folder: Path) -> str:
    try:
        completed = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except subprocess.TimeoutExpired:
        raise FirewallUnavailable(
            f"`{' '.join(command[-3:])}` took more than {SECONDS} s. Check the connection to Debian's servers."
        ) from None
    if completed.returncode != 0:
        tail = "\n".join(f"  {line}" for line in completed.stderr.splitlines()[-5:])
        raise FirewallUnavailable(
            f"The packages {', '.join(PACKAGES)} could not be downloaded from Debian. "
            f"Run without the firewall, or fix the error of apt:\n{tail}"
        )
    return completed.stdout
