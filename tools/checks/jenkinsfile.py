"""Lint the Jenkinsfile with npm-groovy-lint, which needs Java."""

from __future__ import annotations

from tools import npm_packages
from tools.errors import ToolError
from tools.local_platform.debian import ensure_programs
from tools.project import ROOT

JAVA = {"java": "openjdk-17-jre-headless"}


def lint() -> None:
    """Lint the Jenkinsfile; ToolError with its problems, or when Java is missing."""
    if missing := ensure_programs(JAVA):
        raise ToolError(f"The linter of the Jenkinsfile needs Java. Install {missing[0]} or a newer version.")
    linter = npm_packages.install("jenkins") / "node_modules" / "npm-groovy-lint" / "lib" / "index.js"
    command = ["node", str(linter), "--noserver", "--failon", "info", "--output", "txt"]
    npm_packages.run([*command, "--config", str(ROOT / ".groovylintrc.json"), "Jenkinsfile"], cwd=ROOT)
