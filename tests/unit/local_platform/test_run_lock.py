"""Which process runs a platform: the lock decides, not a process id that is left in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.local_platform import layout_json, run_lock
from tools.local_platform.cli import main
from tools.local_platform.errors import AlreadyRunning
from tools.local_platform.layout import Layout
from tools.project import ROOT

HOLD = """
import sys, time
from pathlib import Path
from tools.local_platform import run_lock
from tools.local_platform.layout import Layout
with run_lock.hold(Layout(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "run")
    made.make_folders()
    return made


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with the platform."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def runner(layout: Layout) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run directory, as `reclothes run` does."""
    command = [sys.executable, "-c", HOLD, str(layout.run_dir)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_stop_does_not_signal_a_process_with_a_reused_id(layout: Layout, stranger: subprocess.Popen[bytes]) -> None:
    layout.lock_file.write_text(str(stranger.pid))
    response = CliRunner().invoke(main, ["stop", "--run-dir", str(layout.run_dir)])
    assert response.exit_code == 2
    assert "No platform runs" in response.output
    assert stranger.poll() is None


def test_stop_ends_the_process_that_holds_the_lock(layout: Layout, runner: subprocess.Popen[str]) -> None:
    assert run_lock.is_held(layout)
    response = CliRunner().invoke(main, ["stop", "--run-dir", str(layout.run_dir)])
    assert response.exit_code == 0
    assert runner.wait(5) != 0
    assert not run_lock.is_held(layout)


@pytest.mark.parametrize("content", ["", "no number", "999999999"])
def test_stop_survives_any_content_of_the_lock_file(layout: Layout, content: str) -> None:
    layout.lock_file.write_text(content)
    assert not run_lock.stop_holder(layout)


@pytest.mark.usefixtures("runner")
def test_second_start_is_rejected_without_side_effects(layout: Layout) -> None:
    layout_json.save(layout)
    second = ["run", "--run-dir", str(layout.run_dir), "--port-base", str(layout.port_base + 100)]
    response = CliRunner().invoke(main, second)
    assert response.exit_code == AlreadyRunning.exit_code
    assert "--run-dir" in response.output
    assert layout_json.load(layout.run_dir) == layout


def test_a_platform_whose_runner_was_killed_is_not_up(layout: Layout) -> None:
    layout.ready_file.touch()
    layout.lock_file.write_text(str(os.getpid()))
    response = CliRunner().invoke(main, ["demo", "--run-dir", str(layout.run_dir)])
    assert response.exit_code == 2
    assert "make run" in response.output


def test_a_run_directory_can_be_moved(layout: Layout, tmp_path: Path) -> None:
    layout_json.save(replace(layout, port_base=18_000))
    moved = layout.run_dir.rename(tmp_path / "moved")
    assert layout_json.load(moved) == Layout(moved, port_base=18_000)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"run_dir": "/x", "unknown": 1}'])
def test_a_damaged_layout_is_reported_with_the_fix(layout: Layout, text: str) -> None:
    (layout.run_dir / "layout.json").write_text(text)
    response = CliRunner().invoke(main, ["status", "--run-dir", str(layout.run_dir)])
    assert response.exit_code != 0
    assert "layout.json is damaged. Delete it" in response.output.replace("\n", " ")
