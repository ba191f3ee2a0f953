"""Lints the Jenkinsfile with npm-groovy-lint, which needs Java: Debian's, installed when it may be."""

from __future__ import annotations

import sys

from tools.local_platform.debian import install, may_install, program
from tools.release import node_tools
from tools.release.project import ROOT, ReleaseError

JAVA = "openjdk-17-jre-headless"


def lint() -> None:
    """Raises ReleaseError with what is wrong with the Jenkinsfile, or with why it cannot be looked at."""
    if program("java") is None and may_install():
        install([JAVA])
    if program("java") is None:
        raise ReleaseError(f"The linter of the Jenkinsfile needs Java: install {JAVA} or a newer one.")
    tool = node_tools.install("jenkins") / "node_modules" / "npm-groovy-lint" / "lib" / "index.js"
    command = ["node", str(tool), "--noserver", "--failon", "info", "--output", "txt"]
    node_tools.run([*command, "--config", str(ROOT / ".groovylintrc.json"), "Jenkinsfile"], cwd=ROOT)


if __name__ == "__main__":
    try:
        lint()
    except ReleaseError as fault:
        print(fault, file=sys.stderr)  # noqa: T201
        sys.exit(1)
    print("The Jenkinsfile has no fault.")  # noqa: T201
