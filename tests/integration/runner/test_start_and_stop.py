"""Starting and stopping the platform when something is in the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from libs.runner import processes
from libs.runner.layout import HOST, ROOT, Layout
from libs.runner.problems import AlreadyRunning, DidNotStart, PortTaken
from tests.support.platform import command_of, processes_of


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "run").on_free_ports()


def run(layout: Layout, **environment: str) -> subprocess.CompletedProcess[str]:
    command = command_of(layout, "--no-demo-data")
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=180, env=os.environ | environment, check=False
    )


def start(layout: Layout) -> subprocess.Popen[bytes]:
    command = command_of(layout, "--no-demo-data")
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for_stores(layout: Layout) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, layout.port("smtp")), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("part", "option"),
    [("external", "--external-port"), ("internal", "--internal-port"), ("billing", "--port-base")],
)
def test_a_port_in_use_is_named_with_the_option_that_helps(layout: Layout, part: str, option: str) -> None:
    with socket.create_server((HOST, layout.port(part))):
        answer = run(layout)
    assert answer.returncode == PortTaken.exit_code
    assert str(layout.port(part)) in answer.stderr
    assert option in answer.stderr
    assert processes_of(layout) == {}


def test_a_second_platform_in_one_run_directory_is_refused(layout: Layout) -> None:
    first = start(layout)
    try:
        wait_for_stores(layout)
        answer = run(replace(layout, port_base=layout.port_base + 40))
        assert answer.returncode == AlreadyRunning.exit_code
        assert "--run-dir" in answer.stderr
    finally:
        first.send_signal(signal.SIGINT)
        first.wait(15)
    assert processes_of(layout) == {}


def test_a_store_that_does_not_start_is_shown_with_its_log(layout: Layout) -> None:
    layout.make_folders()
    (layout.data_dir / "valkey" / "appendonlydir").write_text("a file where a folder has to be")
    answer = run(layout)
    assert answer.returncode == DidNotStart.exit_code
    assert "valkey" in answer.stderr
    assert str(layout.log_dir) in answer.stderr.replace("\n", "")
    assert processes_of(layout) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_runner_ends_nothing_is_left(layout: Layout, number: signal.Signals) -> None:
    runner = start(layout)
    wait_for_stores(layout)
    runner.send_signal(number)
    runner.wait(10)
    deadline = time.monotonic() + 10
    while processes_of(layout) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(layout) == {}


def test_valkey_comes_with_the_environment() -> None:
    assert os.access(processes.valkey_binary(), os.X_OK)
