"""The prerequisites of the benchmarks: wrk and the programs of the firewall, from Debian.

As root on Debian wrk is installed; the firewall's programs are unpacked into the virtual environment without root.
`make bench` runs this before the first benchmark, so that no benchmark fails halfway through.
"""

from __future__ import annotations

import sys

from tools.errors import ToolError
from tools.local_platform import waf_packages
from tools.local_platform.debian import ensure_programs

PROGRAMS = {"wrk": "wrk"}


def require_load_generator() -> None:
    """Install wrk if this is root on Debian; SystemExit with the fix if it is missing."""
    missing = ensure_programs(PROGRAMS)
    if missing:
        names = " ".join(missing)
        sys.exit(f"The benchmarks need {names}. Install it with `apt-get install {names}` and run them again.")


def require_firewall() -> None:
    """Download the programs of the firewall; SystemExit with the reason if that fails."""
    try:
        waf_packages.ensure()
    except ToolError as reason:
        sys.exit(f"The benchmark of the firewall cannot run: {reason}")


if __name__ == "__main__":
    require_load_generator()
    require_firewall()
