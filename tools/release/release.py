"""Cuts a release: the version in `setup.cfg`, the notes from the history, a commit and a tag."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.release.compatibility import breaking_changes
from tools.release.migration_rules import check as migration_faults
from tools.release.project import ROOT, ReleaseError, git, last_release, version

CHANGELOG = "CHANGELOG.md"
CONFIG = ROOT / "cliff.toml"
SHAPE = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
Numbers = tuple[int, int, int]


@dataclass(frozen=True)
class Plan:
    """A release that could be cut: nothing stands in its way."""

    version: str
    notes: str
    breaks: list[str]

    @property
    def tag(self) -> str:
        return f"v{self.version}"


def plan(wanted: str, root: Path = ROOT) -> Plan:
    """What a release would be; raises ReleaseError with all that stands in its way."""
    before = last_release(root)
    breaks = breaking_changes(before, root) if before else []
    faults = [*_faults(wanted, before, breaks, root), *migration_faults(before, root)]
    if faults:
        raise ReleaseError("No release:\n" + "\n".join(f"- {fault}" for fault in faults))
    return Plan(wanted, notes(wanted, root), breaks)


def cut(plan_: Plan, root: Path = ROOT) -> None:
    """Write version and notes, commit, tag. Nothing is pushed."""
    packaging = root / "setup.cfg"
    text, count = re.subn(r"(?m)^version = .*$", f"version = {plan_.version}", packaging.read_text(), count=1)
    if count != 1:
        raise ReleaseError("setup.cfg has no line `version = …`")
    packaging.write_text(text)
    _prepend(root / CHANGELOG, plan_.notes)
    git("add", "--", "setup.cfg", CHANGELOG, root=root)
    git("commit", "--quiet", "--message", f"Release {plan_.version}", root=root)
    git("tag", "--annotate", plan_.tag, "--message", plan_.notes, "--cleanup=verbatim", root=root)


def notes(wanted: str, root: Path = ROOT) -> str:
    """The notes from the subjects of all commits since the last release, by git-cliff."""
    command = [str(Path(sys.executable).with_name("git-cliff")), "--config", str(CONFIG), "--offline"]
    command += ["--unreleased", "--tag", f"v{wanted}", "--repository", str(root)]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ReleaseError(f"git-cliff made no notes: {answer.stderr.strip()}")
    return answer.stdout.strip() + "\n"


def _faults(wanted: str, before: str | None, breaks: list[str], root: Path) -> list[str]:
    faults = []
    if not SHAPE.fullmatch(wanted):
        return [f"{wanted!r} is no version; it is three numbers, say 1.4.0"]
    if changed := git("status", "--porcelain", root=root).splitlines():
        faults.append(f"the tree is not clean ({changed[0][3:]}); commit or stash first")
    if git("tag", "--list", f"v{wanted}", root=root).strip():
        faults.append(f"there is a tag v{wanted} already")
    if before:
        old, new = _numbers(before.removeprefix("v")), _numbers(wanted)
        if new <= old:
            faults.append(f"{wanted} is not newer than {before}")
        elif breaks and not _may_break(old, new):
            faults.append(f"{wanted} may break nothing that {before} promised: {breaks[0]} ({len(breaks)} in all)")
        if not git("log", "--format=%H", f"{before}..HEAD", root=root).strip():
            faults.append(f"nothing has changed since {before}")
    elif _numbers(wanted) < _numbers(version(root)):
        faults.append(f"{wanted} is older than the version in setup.cfg")
    return faults


def _numbers(text: str) -> Numbers:
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def _may_break(old: Numbers, new: Numbers) -> bool:
    """A new first number may; before 1.0.0 a new second one too (semver.org, 4)."""
    return new[0] > old[0] or (new[0] == 0 and new[1] > old[1])


def _prepend(file: Path, text: str) -> None:
    head = "# Releases\n"
    rest = file.read_text().removeprefix(head) if file.exists() else ""
    file.write_text(f"{head}\n{text}{rest}")
