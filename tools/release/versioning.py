"""A release: the version in `setup.cfg`, release notes from the commit history, a commit and a tag."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.checks import migrations
from tools.checks.compatibility import breaking_changes
from tools.errors import ToolError
from tools.project import ROOT, version
from tools.repository import git, last_release

CHANGELOG = "CHANGELOG.md"
CLIFF_CONFIG = ROOT / "cliff.toml"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
Numbers = tuple[int, int, int]


@dataclass(frozen=True)
class Plan:
    """A release that can be created."""

    version: str
    notes: str
    breaking_changes: list[str]

    @property
    def tag(self) -> str:
        return f"v{self.version}"


def plan(new_version: str, root: Path = ROOT) -> Plan:
    """Check whether a release can be created, and describe it; ToolError lists everything that prevents it."""
    previous = last_release(root)
    breaking = breaking_changes(previous, root) if previous else []
    problems = [*_problems(new_version, previous, breaking, root), *migrations.check(previous, root)]
    if problems:
        raise ToolError("The release cannot be created:\n" + "\n".join(f"- {problem}" for problem in problems))
    return Plan(new_version, release_notes(new_version, root), breaking)


def create(plan_: Plan, root: Path = ROOT) -> None:
    """Write the version and the notes, commit and tag them; nothing is pushed."""
    packaging = root / "setup.cfg"
    text, count = re.subn(r"(?m)^version = .*$", f"version = {plan_.version}", packaging.read_text(), count=1)
    if count != 1:
        raise ToolError("setup.cfg has no line `version = …`. Add it to the section [metadata].")
    packaging.write_text(text)
    _prepend(root / CHANGELOG, plan_.notes)
    git("add", "--", "setup.cfg", CHANGELOG, root=root)
    git("commit", "--quiet", "--message", f"Release {plan_.version}", root=root)
    git("tag", "--annotate", plan_.tag, "--message", plan_.notes, "--cleanup=verbatim", root=root)


def release_notes(new_version: str, root: Path = ROOT) -> str:
    """Return the notes that git-cliff makes of the subjects of all commits since the last release."""
    command = [str(Path(sys.executable).with_name("git-cliff")), "--config", str(CLIFF_CONFIG), "--offline"]
    command += ["--unreleased", "--tag", f"v{new_version}", "--repository", str(root)]
    completed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise ToolError(f"git-cliff failed: {completed.stderr.strip()}")
    return completed.stdout.strip() + "\n"


def _problems(new_version: str, previous: str | None, breaking: list[str], root: Path) -> list[str]:
    if not VERSION.fullmatch(new_version):
        return [f"{new_version!r} is not a version. Pass three numbers, for example 1.4.0."]
    problems = []
    if changed := git("status", "--porcelain", root=root).splitlines():
        problems.append(f"The working tree has uncommitted changes ({changed[0][3:]}). Commit or stash them.")
    if git("tag", "--list", f"v{new_version}", root=root).strip():
        problems.append(f"The tag v{new_version} already exists. Choose another version.")
    if previous is None:
        if _numbers(new_version) < _numbers(version(root)):
            problems.append(f"{new_version} is older than the version in setup.cfg.")
        return problems
    old, new = _numbers(previous.removeprefix("v")), _numbers(new_version)
    if new <= old:
        problems.append(f"{new_version} is not newer than {previous}.")
    elif breaking and not _allows_breaking_changes(old, new):
        problems.append(
            f"{new_version} allows no breaking changes from {previous}, but there are {len(breaking)}, "
            f"for example: {breaking[0]}"
        )
    if not git("log", "--format=%H", f"{previous}..HEAD", root=root).strip():
        problems.append(f"There is no commit since {previous}.")
    return problems


def _numbers(text: str) -> Numbers:
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def _allows_breaking_changes(old: Numbers, new: Numbers) -> bool:
    """A new major version does; before 1.0.0 a new minor version too (semver.org, 4)."""
    return new[0] > old[0] or (new[0] == 0 and new[1] > old[1])


def _prepend(file: Path, text: str) -> None:
    head = "# Releases\n"
    rest = file.read_text().removeprefix(head) if file.exists() else ""
    file.write_text(f"{head}\n{text}{rest}")
