"""Looks for secrets in what git tracks, by their known shapes (keys, tokens, passwords in addresses).

detect-secrets does it; `.secrets.baseline` lists what looks like a secret and is none (examples of the contracts,
values of tests) as hashes. Randomness alone is not looked for: ids and digests are random too.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from libs.delivery.project import ROOT, git

BASELINE = ".secrets.baseline"
# Hashes of packages, and files that are not ours.
LEFT_OUT = (".lock", "package-lock.json", BASELINE)


def scanned_files(root: Path = ROOT) -> list[str]:
    return [file for file in git("ls-files", root=root).splitlines() if not file.endswith(LEFT_OUT)]


def find_secrets(root: Path = ROOT) -> str | None:
    """What looks like a secret and is not in the baseline, with file and line; None when there is nothing."""
    command = [str(Path(sys.executable).with_name("detect-secrets-hook")), "--baseline", BASELINE, "--no-verify"]
    answer = subprocess.run([*command, *scanned_files(root)], cwd=root, capture_output=True, text=True, check=False)
    return None if answer.returncode == 0 else (answer.stdout + answer.stderr).strip()
