"""Write the lock files of the images to `tools/images/build_steps/locks`: `chassis.lock` for all services,
`<service>.lock` for what one of them needs besides, `tools.lock` for what builds them.

Versions and hashes are those of `requirements.lock`.

`make lock` does this after it has written `requirements.lock`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tools.project import ROOT, SERVICES

FOLDER = ROOT / "tools" / "images" / "build_steps" / "locks"
# Traces are sent in production, so the exporter is in every image.
COMMON_EXTRAS = ("tracing",)


def requirements(text: str) -> dict[str, str]:
    """The blocks of a lock file by the package's name; a block is its line with its hashes."""
    blocks = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)
    return {
        re.split(r"[=\[ ]", block, maxsplit=1)[0]: block for block in blocks if not block.startswith(("#", "\n"))
    }


def _compile(*sources: str) -> dict[str, str]:
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", *sources, "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-annotate", "--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--constraint", "requirements.lock"]
    answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return requirements(answer.stdout)


def _with_extras(*extras: str) -> dict[str, str]:
    return _compile("setup.cfg", *(part for extra in extras for part in ("--extra", extra)))


def _write(name: str, text: str, blocks: dict[str, str]) -> None:
    body = "".join(blocks[package] for package in sorted(blocks))
    (FOLDER / f"{name}.lock").write_text(f"# {text} Written by `make lock`.\n{body}")


def main() -> None:
    common = _with_extras(*COMMON_EXTRAS)
    _write("chassis", "What every service needs.", common)
    for service in SERVICES:
        everything = _with_extras(*COMMON_EXTRAS, service)
        own = {name: block for name, block in everything.items() if name not in common}
        _write(service, f"What {service} needs beside the chassis.", own)
    _write("tools", "What builds an image.", _compile("tools/images/build_steps/locks/tools.in"))


if __name__ == "__main__":
    main()
