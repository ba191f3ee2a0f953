"""Looks for secrets in what git tracks, by their known shapes (keys, tokens, passwords in addresses).

detect-secrets does it; `.secrets.baseline` lists what looks like a secret and is none (examples of the contracts,
values of tests) as hashes. Randomness alone is not looked for: ids and digests are random too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.release.project import ROOT, git

BASELINE = ".secrets.baseline"
# Hashes of packages, and files that are not ours.
LEFT_OUT = (".lock", "package-lock.json", BASELINE)
# Exit codes of detect-secrets-hook; 1 is a finding.
NOTHING_FOUND = 0
ONLY_MOVED = 3


def scanned_files(root: Path = ROOT) -> list[str]:
    return [file for file in git("ls-files", root=root).splitlines() if not file.endswith(LEFT_OUT)]


def find_secrets(root: Path = ROOT) -> str | None:
    """What looks like a secret and is not in the baseline, with file and line; None when there is nothing.

    What the baseline knows may move to another line of its file: a copy of the baseline takes the new line numbers.
    """
    program = str(Path(sys.executable).with_name("detect-secrets-hook"))
    with tempfile.TemporaryDirectory() as folder:
        baseline = shutil.copy(root / BASELINE, folder)
        command = [program, "--baseline", baseline, "--no-verify", *scanned_files(root)]
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if answer.returncode in (NOTHING_FOUND, ONLY_MOVED):
        return None
    return (answer.stdout + answer.stderr).strip()
