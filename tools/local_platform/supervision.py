"""The process supervisor (the library `supervisor`): restarts, logs, groups and an orderly stop."""

from __future__ import annotations

import ctypes
import resource
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from tools.local_platform.errors import DidNotStart
from tools.local_platform.layout import Layout
from tools.local_platform.processes import Process
from tools.project import ROOT

GROUP_PRIORITIES = {"stores": 100, "services": 200, "gateways": 300}
END_SECONDS = 12
NEEDED_FILES = 8192
PR_SET_PDEATHSIG = 1


def write_config(layout: Layout, processes: Sequence[Process]) -> Path:
    """Write supervisord's configuration, which is private since it contains the environments of the processes."""
    path = layout.config_dir / "supervisord.conf"
    path.touch(mode=0o600)
    path.chmod(0o600)
    log, run, socket = (
        _no_expansion(str(path)) for path in (layout.log_dir, layout.run_dir, layout.control_socket)
    )
    parts = [_HEAD.format(socket=socket, log=log, run=run, files=open_files())]
    parts += [_program(layout, process) for process in processes]
    for group, priority in GROUP_PRIORITIES.items():
        members = ",".join(process.name for process in processes if process.group == group)
        if members:
            parts.append(f"[group:{group}]\nprograms={members}\npriority={priority}\n")
    path.write_text("\n".join(parts))
    return path


_HEAD = """\
[unix_http_server]
file={socket}
chmod=0700

[supervisord]
nodaemon=true
silent=true
logfile={log}/supervisor.log
logfile_maxbytes=1MB
logfile_backups=1
umask=077
pidfile={run}/supervisor.pid
childlogdir={log}
minfds={files}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def open_files() -> int:
    """Return the limit of open files for all processes, which the connection limiter needs most of."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return NEEDED_FILES if allowed == resource.RLIM_INFINITY else min(NEEDED_FILES, allowed)


def _program(layout: Layout, process: Process) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(process.environment.items()))
    command = _no_expansion(" ".join(shlex.quote(part) for part in process.command_line()))
    log = _no_expansion(
        _no_expansion(str(layout.log_dir / f"{process.name}.log"))
    )  # supervisord expands this one twice
    return f"""\
[program:{process.name}]
command={command}
directory={_no_expansion(str(ROOT))}
environment={pairs}
autostart=false
autorestart=true
startsecs=1
startretries=5
stopwaitsecs={process.stop_seconds}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=1
"""


def _escaped(value: str) -> str:
    """Escape a value for the quotes of `environment`."""
    return _no_expansion(value).replace('"', '\\"')


def _no_expansion(value: str) -> str:
    """Escape a value so that supervisord expands nothing in it."""
    return value.replace("%", "%%")


class Supervisor:
    """A running supervisord."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self, config: Path) -> None:
        """Start supervisord, which ends when this process ends for any reason."""
        command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)]
        log = self._layout.log_dir / "supervisor-output.log"  # messages that are not for the terminal
        with log.open("wb") as output:
            self._daemon = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        deadline = time.monotonic() + 10
        while True:
            try:
                self._rpc().supervisor.getState()
                return
            except (OSError, xmlrpc.client.Error):
                if self._daemon.poll() is not None or time.monotonic() > deadline:
                    raise DidNotStart(f"The process supervisor did not start. See {log}.") from None
                time.sleep(0.05)

    def start_processes(self, processes: Iterable[Process]) -> None:
        for process in processes:
            self.start_named(f"{process.group}:{process.name}")

    def start_named(self, name: str) -> None:
        """Start the process `group:name` without waiting for it."""
        self._rpc().supervisor.startProcess(name, False)

    def kill(self, process: Process) -> None:
        """Send SIGKILL to a process; supervisord starts it again."""
        self._rpc().supervisor.signalProcess(f"{process.group}:{process.name}", "KILL")

    def states(self) -> list[dict[str, Any]]:
        """Return the state of each process as supervisord reports it."""
        return list(self._rpc().supervisor.getAllProcessInfo())

    def is_alive(self) -> bool:
        return self._daemon is not None and self._daemon.poll() is None

    def stop(self) -> None:
        """Stop every process, gateways first, and wait until they have ended."""
        if self._daemon is None:
            return
        if self._daemon.poll() is None:
            self._daemon.send_signal(signal.SIGTERM)
        try:
            self._daemon.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._daemon.kill()
            self._daemon.wait()

    def _rpc(self) -> Any:
        return control(self._layout.control_socket)


def control(socket: Path) -> Any:
    """Return supervisord's control interface; its calls raise OSError when it does not run."""
    transport = SupervisorTransport(None, None, f"unix://{socket}")
    return xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)


def _end_with_parent() -> None:
    """Receive SIGTERM when the parent ends, even by SIGKILL (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
