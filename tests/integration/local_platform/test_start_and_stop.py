"""Starting and stopping the platform when something prevents it, with as few processes as prove it."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymongo
import pytest

from tests.support.platform import processes_of
from tools.local_platform import credentials, processes, readiness, store_watch, supervision
from tools.local_platform.errors import DidNotStart
from tools.local_platform.layout import HOST, Layout
from tools.local_platform.processes import Process
from tools.local_platform.readiness import wait_until_ready
from tools.local_platform.store_watch import StoreWatch
from tools.local_platform.supervision import Supervisor
from tools.local_platform.temporary import run_command
from tools.project import ROOT


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "a folder" / "run").on_free_ports()
    made.make_folders()
    return made


@pytest.fixture
def supervisor(layout: Layout) -> Iterator[Supervisor]:
    made = Supervisor(layout)
    yield made
    made.stop()
    assert processes_of(layout) == {}


def start_store(layout: Layout, supervisor: Supervisor, name: str) -> Process:
    """Start one store under a supervisor of its own and wait until it is ready."""
    [process] = [each for each in processes.stores(layout, credentials.ensure(layout)) if each.name == name]
    supervisor.start(supervision.write_config(layout, [process]))
    supervisor.start_processes([process])
    wait_until_ready(layout, supervisor, [process], 20, lambda _name: None)
    return process


@pytest.fixture
def two_crashes_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "MAXIMUM_CRASHES", 2)


@pytest.mark.usefixtures("two_crashes_are_enough")
def test_failed_start_of_a_store_is_reported_with_its_log(layout: Layout, supervisor: Supervisor) -> None:
    (layout.data_dir / "valkey" / "appendonlydir").write_text("a file where a folder has to be")
    with pytest.raises(DidNotStart) as error:
        start_store(layout, supervisor, "valkey")
    assert "valkey crashed" in str(error.value)
    assert str(layout.log_dir / "valkey.log") in str(error.value)


@pytest.mark.usefixtures("two_crashes_are_enough")
def test_a_process_that_fails_after_a_while_ends_the_start(layout: Layout, supervisor: Supervisor) -> None:
    """The supervisor itself counts only crashes within the first second."""
    script = "import time; time.sleep(1.1); raise SystemExit('the key is damaged')"
    crashing = Process("auth", "services", (sys.executable, "-c", script), {}, heartbeat=layout.heartbeat("auth"))
    supervisor.start(supervision.write_config(layout, [crashing]))
    supervisor.start_processes([crashing])
    with pytest.raises(DidNotStart, match=r"(?s)auth crashed 2 times.*the key is damaged"):
        wait_until_ready(layout, supervisor, [crashing], 60, lambda _name: None)


def freeze(_layout: Layout, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def fail_to_write(layout: Layout, pid: int) -> None:
    """Let a write of the document store fail, as on a full disk: its engine panics for good, its process stays."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    client: pymongo.MongoClient[dict[str, int]] = pymongo.MongoClient(HOST, layout.port("secantus"))
    with client, pytest.raises(pymongo.errors.PyMongoError):
        client["shopping"]["products"].insert_one({"_id": 1})
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)


@pytest.mark.parametrize(
    ("name", "disturb"),
    [("valkey", freeze), pytest.param("secantus", fail_to_write, marks=pytest.mark.full)],
)
def test_a_store_that_runs_but_does_not_serve_is_restarted(
    layout: Layout,
    supervisor: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    disturb: Callable[[Layout, int], None],
) -> None:
    process = start_store(layout, supervisor, name)
    reports: list[str] = []
    watch = StoreWatch(supervisor, [process], reports.append)
    before = wait_until_running(supervisor)
    disturb(layout, before)
    with monkeypatch.context() as patch:
        patch.setattr(store_watch, "PROBE_SECONDS", 0.1)
        patch.setattr(store_watch, "TIMEOUT_SECONDS", 0.3)
        deadline = time.monotonic() + 20
        while not reports:
            watch.check()
            assert time.monotonic() < deadline
    assert f"{name} runs but fails its health check" in reports[0]
    assert wait_until_running(supervisor, other_than=before)
    wait_until_ready(layout, supervisor, [process], 20, lambda _name: None)
    store_watch.PROBES[name](layout.port(name))


def wait_until_running(supervisor: Supervisor, *, other_than: int | None = None) -> int:
    """The id of the only process once it runs and has another id than the given one."""
    deadline = time.monotonic() + 10
    while True:
        [state] = supervisor.states()
        if state["statename"] == "RUNNING" and state["pid"] != other_than:
            return int(state["pid"])
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start(layout: Layout) -> subprocess.Popen[str]:
    command = run_command(layout, "--no-demo-data")
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_stores(layout: Layout) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((HOST, layout.port("smtp")), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_remains_after_the_runner_ends(layout: Layout, number: signal.Signals) -> None:
    with start(layout) as runner:
        wait_for_stores(layout)
        runner.send_signal(number)
        runner.wait(10)
    deadline = time.monotonic() + 10
    while processes_of(layout) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(layout) == {}


@pytest.mark.full
def test_ctrl_c_ends_a_start_within_two_seconds(layout: Layout) -> None:
    with start(layout) as runner:
        assert runner.stdout is not None
        for line in runner.stdout:
            if "Tables" in line:
                break
        time.sleep(0.5)
        sent = time.monotonic()
        runner.send_signal(signal.SIGINT)
        assert "Stopping" in runner.stdout.readline()
        assert time.monotonic() - sent < 2
        runner.wait(20)
    assert processes_of(layout) == {}


def test_valkey_is_installed() -> None:
    assert os.access(processes.valkey_binary(), os.X_OK)
