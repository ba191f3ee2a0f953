"""Secrets in the files that git tracks, found by detect-secrets through their known formats.

`.secrets.baseline` lists strings that look like secrets and are none (examples of contracts, values of tests) as
hashes. Entropy alone is not a criterion, since ids and digests are random too.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.project import ROOT
from tools.repository import git

BASELINE = ".secrets.baseline"
# Files of hashes.
EXCLUDED = (".lock", "package-lock.json", BASELINE)
# Exit codes of detect-secrets-hook; 1 is a finding.
NOTHING_FOUND = 0
LINE_NUMBERS_CHANGED = 3


def scanned_files(root: Path = ROOT) -> list[str]:
    return [file for file in git("ls-files", root=root).splitlines() if not file.endswith(EXCLUDED)]


def find_secrets(root: Path = ROOT) -> str | None:
    """Return the report of strings that look like secrets and are not in the baseline, or None.

    The scan updates line numbers in a copy of the baseline, so that known strings may move within their file.
    """
    program = str(Path(sys.executable).with_name("detect-secrets-hook"))
    with tempfile.TemporaryDirectory() as folder:
        baseline = shutil.copy(root / BASELINE, folder)
        command = [program, "--baseline", baseline, "--no-verify", *scanned_files(root)]
        completed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if completed.returncode in (NOTHING_FOUND, LINE_NUMBERS_CHANGED):
        return None
    return (completed.stdout + completed.stderr).strip()
