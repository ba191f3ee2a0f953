"""How the processes are started, watched and started again, against a supervisor without processes."""

from __future__ import annotations

import shlex
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from tools.local_platform import credentials, processes, readiness, store_watch, supervision
from tools.local_platform.errors import DidNotStart
from tools.local_platform.layout import Layout
from tools.local_platform.processes import Process
from tools.local_platform.store_watch import StoreWatch
from tools.local_platform.supervision import Supervisor

STORE = Process("valkey", "stores", ("valkey-server",), {}, port=1)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "Ana's clone, 100 % sure" / "run")


class FakeSupervisor(Supervisor):
    """Reports the given states, one list per call and the last one for ever, and notes what it is asked to do."""

    def __init__(self, *results: list[dict[str, Any]]) -> None:
        self._results = list(results)
        self.killed: list[str] = []
        self.started: list[str] = []

    def states(self) -> list[dict[str, Any]]:
        return self._results.pop(0) if len(self._results) > 1 else self._results[0]

    def kill(self, process: Process) -> None:
        self.killed.append(process.name)

    def start_named(self, name: str) -> None:
        self.started.append(name)


def state(statename: str = "RUNNING", pid: int = 1, name: str = "valkey", start: float = 0) -> dict[str, Any]:
    return {"name": name, "group": "stores", "statename": statename, "pid": pid, "start": start}


def test_a_run_directory_with_special_characters_reaches_every_process(layout: Layout) -> None:
    own = credentials.ensure(layout)
    everything = [*processes.stores(layout, own), *processes.services(layout, own), *processes.gateways(layout)]
    options = ServerOptions()
    options.realize(["-c", str(supervision.write_config(layout, everything))])
    options.process_config()
    programs = {
        program.name: program for group in options.process_group_configs for program in group.process_configs
    }
    for process in everything:
        assert tuple(shlex.split(programs[process.name].command)) == process.command_line()
        assert programs[process.name].environment == process.environment
        assert programs[process.name].stdout_logfile == str(layout.log_dir / f"{process.name}.log")


def test_a_folder_with_a_space_is_one_argument_of_each_store(layout: Layout) -> None:
    own = credentials.ensure(layout)
    commands = {process.name: process.command for process in processes.stores(layout, own)}
    assert str(layout.data_dir / "valkey") in commands["valkey"]
    assert str(layout.data_dir / "secantus") in commands["secantus"]


def test_files_of_the_processes_are_private(layout: Layout) -> None:
    credentials.ensure(layout)
    options = ServerOptions()
    options.realize(["-c", str(supervision.write_config(layout, [STORE]))])
    assert options.umask == 0o077


def test_a_process_that_crashes_five_times_ends_the_start_with_its_log(layout: Layout) -> None:
    layout.make_folders()
    (layout.log_dir / "auth.log").write_text("first line\nValueError: the key is damaged\n")
    crashing = Process("auth", "services", ("auth",), {}, heartbeat=layout.heartbeat("auth"))
    crashes = [[state(pid=pid, name="auth")] for pid in range(1, 7)]
    with pytest.raises(DidNotStart) as error:
        readiness.wait_until_ready(layout, FakeSupervisor(*crashes), [crashing], 60, lambda _name: None)
    assert "auth crashed 5 times during its start" in str(error.value)
    assert "ValueError: the key is damaged" in str(error.value)


def test_fewer_crashes_do_not_end_the_start(layout: Layout) -> None:
    layout.make_folders()
    starting = Process("auth", "services", ("auth",), {}, heartbeat=layout.heartbeat("auth"))
    crashes = [[state(pid=pid, name="auth")] for pid in range(1, 6)]

    class Recovering(FakeSupervisor):
        def states(self) -> list[dict[str, Any]]:
            if len(self._results) == 1:
                layout.heartbeat("auth").touch()
            return super().states()

    ready: list[str] = []
    readiness.wait_until_ready(layout, Recovering(*crashes), [starting], 60, ready.append)
    assert ready == ["auth"]


def failing(_port: int) -> None:
    raise ConnectionError("WT_PANIC")


def watch(supervisor: FakeSupervisor, probe: Callable[[int], None], reports: list[str]) -> StoreWatch:
    return StoreWatch(supervisor, [STORE], reports.append, {"valkey": probe})


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_watch, "PROBE_SECONDS", 0.0)


@pytest.mark.usefixtures("no_pauses")
def test_a_store_that_runs_but_fails_its_health_check_is_restarted() -> None:
    supervisor, reports = FakeSupervisor([state()]), list[str]()
    watching = watch(supervisor, failing, reports)
    for _ in range(store_watch.MAXIMUM_FAILURES - 1):
        watching.check()
    assert supervisor.killed == []
    watching.check()
    assert supervisor.killed == ["valkey"]
    assert reports == ["valkey runs but fails its health check (WT_PANIC). Restarting it."]


@pytest.mark.usefixtures("no_pauses")
def test_recovered_store_is_not_restarted() -> None:
    outcomes = [failing, failing, lambda _port: None] * 3
    supervisor = FakeSupervisor([state()])
    watching = watch(supervisor, lambda port: outcomes.pop(0)(port), [])
    for _ in range(9):
        watching.check()
    assert supervisor.killed == []


@pytest.mark.usefixtures("no_pauses")
def test_starting_store_may_fail_its_health_check() -> None:
    supervisor, results = (
        FakeSupervisor([state(start=time.time())]),
        [OSError("refused")] * 10 + [None] + [OSError()] * 3,
    )

    def probe(_port: int) -> None:
        if (error := results.pop(0)) is not None:
            raise error

    watching = watch(supervisor, probe, [])
    for _ in range(11):
        watching.check()
    assert supervisor.killed == []
    for _ in range(store_watch.MAXIMUM_FAILURES):
        watching.check()
    assert supervisor.killed == ["valkey"]


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize("statename", ["STARTING", "BACKOFF", "EXITED"])
def test_a_store_that_the_supervisor_is_starting_is_not_probed(statename: str) -> None:
    supervisor = FakeSupervisor([state(statename)])
    watching = watch(supervisor, failing, [])
    for _ in range(5):
        watching.check()
    assert supervisor.killed == []


@pytest.mark.usefixtures("no_pauses")
def test_a_store_that_ends_before_it_is_killed_does_not_end_the_watch() -> None:
    class Late(FakeSupervisor):
        def kill(self, process: Process) -> None:
            raise xmlrpc.client.Fault(70, f"NOT_RUNNING: {process.name}")

    watching = watch(Late([state()]), failing, [])
    for _ in range(2 * store_watch.MAXIMUM_FAILURES):
        watching.check()


@pytest.mark.usefixtures("no_pauses")
def test_process_in_state_fatal_is_started_again() -> None:
    supervisor, reports = FakeSupervisor([state("FATAL", pid=0)]), list[str]()
    watching = watch(supervisor, failing, reports)
    watching.check()
    watching.check()
    assert supervisor.started == ["stores:valkey"], "and not more often than every RETRY_SECONDS"
    assert "valkey crashed repeatedly" in reports[0]
