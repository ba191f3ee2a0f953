"""The payment provider's state file is complete at any time, or the process ends."""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
from pathlib import Path

from tools.project import ROOT

PROLOGUE = """
import os, pickle, sys
from pathlib import Path
from localstripe import resources
from tools.local_platform import localstripe_launcher
path = Path(sys.argv[1])
localstripe_launcher.store_state_in(path)
store = resources.store
store.try_load_from_disk()
"""


def run(path: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, since localstripe's store is one for each process."""
    command = [sys.executable, "-c", PROLOGUE + script, str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def stored(path: Path) -> dict[str, int]:
    found: dict[str, int] = pickle.loads(path.read_bytes())
    return found


def test_stored_objects_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.pickle"
    assert run(path, "store['a'] = 1; store['b'] = 2").returncode == 0
    assert run(path, "store['c'] = store['a'] + store['b']").returncode == 0
    assert stored(path) == {"a": 1, "b": 2, "c": 3}


def test_loading_the_file_does_not_write_it(tmp_path: Path) -> None:
    """A process that is killed while it reads would leave the part that it has read."""
    path = tmp_path / "state.pickle"
    an_older_file = "store.update(dict.fromkeys(map(str, range(80)))); path.write_bytes(pickle.dumps(store))"
    assert run(path, an_older_file).returncode == 0
    path.chmod(0o400)
    before = path.stat()
    assert run(path, "assert len(store) == 80").returncode == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_change_that_cannot_be_written_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "state.pickle"
    assert run(path, "store['a'] = 1").returncode == 0
    full_disk = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4, {resource.RLIM_INFINITY}))
store['refund'] = 2
print('acknowledged')
"""
    completed = run(path, full_disk)
    assert completed.returncode == 1
    assert "acknowledged" not in completed.stdout
    assert "cannot be written" in completed.stderr
    assert stored(path) == {"a": 1}
