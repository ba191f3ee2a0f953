"""Write the lock files of the images to `tools/images/build_steps/locks`.

`chassis.lock` has the packages of all services, `<service>.lock` the additional ones of one service, `tools.lock`
those that build images. Versions and hashes are those of `requirements.lock`, which `make lock` updates first.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tools.project import ROOT, SERVICES

FOLDER = ROOT / "tools" / "images" / "build_steps" / "locks"
# Every image has the exporter for traces, which are sent in production.
COMMON_EXTRAS = ("tracing",)


def requirements(text: str) -> dict[str, str]:
    """Return the blocks of a lock file by package name; a block is the line of a package with its hashes."""
    blocks = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)
    return {
        re.split(r"[=\[ ]", block, maxsplit=1)[0]: block for block in blocks if not block.startswith(("#", "\n"))
    }


def _compile(*sources: str) -> dict[str, str]:
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", *sources, "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--constraint", "requirements.lock"]
    completed = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return requirements(completed.stdout)


def _with_extras(*extras: str) -> dict[str, str]:
    return _compile("setup.cfg", *(part for extra in extras for part in ("--extra", extra)))


def _write(name: str, text: str, blocks: dict[str, str]) -> None:
    body = "".join(blocks[package] for package in sorted(blocks))
    (FOLDER / f"{name}.lock").write_text(f"# {text} Written by `make lock`.\n{body}")


def main() -> None:
    common = _with_extras(*COMMON_EXTRAS)
    _write("chassis", "The packages of every service.", common)
    for service in SERVICES:
        all_packages = _with_extras(*COMMON_EXTRAS, service)
        additional = {name: block for name, block in all_packages.items() if name not in common}
        _write(service, f"The packages of {service} that the chassis does not need.", additional)
    _write("tools", "The packages that build an image.", _compile("tools/images/build_steps/locks/tools.in"))


if __name__ == "__main__":
    main()
