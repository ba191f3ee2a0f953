"""The web application firewall's programs and rules: nginx, ModSecurity and the OWASP core rule set from Debian.

They are unpacked into a folder of the virtual environment, so neither root nor an installation is needed: apt, with
lists of its own, finds and checks the packages. Nothing of the system is changed. Delete the folder to have them
fetched anew.
"""

from __future__ import annotations

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


class NoFirewall(ToolError):
    """The firewall's programs are not to be had here."""

    exit_code = 8


@dataclass(frozen=True)
class WafPrograms:
    """Where the unpacked packages are."""

    prefix: Path

    @property
    def nginx(self) -> Path:
        return self.prefix / "usr/sbin/nginx"

    @property
    def modules(self) -> Path:
        return self.prefix / "usr/lib/nginx/modules"

    @property
    def libraries(self) -> Path:
        """The shared libraries that the system may lack."""
        return self.prefix / f"usr/lib/{platform.machine()}-linux-gnu"

    @property
    def rules(self) -> Path:
        """The core rule set."""
        return self.prefix / "usr/share/modsecurity-crs/rules"

    @property
    def unicode_map(self) -> Path:
        return self.prefix / "etc/nginx/unicode.mapping"

    def are_there(self) -> bool:
        module = self.modules / "ngx_http_modsecurity_module.so"
        return all(path.exists() for path in (self.nginx, module, self.rules, self.unicode_map))


def ensure(prefix: Path = PREFIX) -> WafPrograms:
    """The programs, fetched on first use; raises NoFirewall with what to do when that does not work."""
    programs = WafPrograms(prefix)
    if not programs.are_there():
        _fetch(prefix)
        if not programs.are_there():
            raise NoFirewall(f"Debian's packages {', '.join(PACKAGES)} do not hold what is expected; see {prefix}.")
    return programs


def _fetch(prefix: Path) -> None:
    """Unpack the packages and whatever they need that the system lacks: all of it, or nothing."""
    missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise NoFirewall(f"The firewall comes from Debian, and {' and '.join(missing)} is missing here.")
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="debian-", dir=prefix.parent) as name:
        folder = Path(name)
        apt = _apt(folder)
        _run([*apt, "update"], folder)
        _run([*apt, "download", *_to_fetch(apt, folder)], folder)
        unpacked = folder / "unpacked"
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(package), str(unpacked)], folder)
        shutil.rmtree(prefix, ignore_errors=True)
        unpacked.rename(prefix)


def _apt(folder: Path) -> list[str]:
    """apt-get with the system's sources and keys, but lists and a cache of its own."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    options = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache", "Debug::NoLocking=1"]
    options += ["APT::Sandbox::User=", "Acquire::Languages=none", "Acquire::Retries=3"]
    return ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]


def _to_fetch(apt: list[str], folder: Path) -> list[str]:
    """The packages, and what an installation would bring with them (a line is `Inst name (version …) …`)."""
    simulated = _run([*apt, "--simulate", "--no-install-recommends", "install", *PACKAGES], folder)
    needed = {line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")}
    return sorted(needed | set(PACKAGES))


def _run(command: list[str], folder: Path) -> str:
    try:
        answer = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        raise NoFirewall(
            f"`{' '.join(command[-3:])}` took more than {SECONDS} s; is Debian to be reached?"
        ) from None
    if answer.returncode != 0:
        told = "\n".join(f"  {line}" for line in answer.stderr.splitlines()[-5:])
        raise NoFirewall(
            f"The firewall's packages {', '.join(PACKAGES)} could not be fetched from Debian. "
            f"Run without the firewall, or mend what apt says:\n{told}"
        )
    return answer.stdout


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
