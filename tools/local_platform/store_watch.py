"""Health checks of the stores: a running store that fails them is killed, and the supervisor starts it again.

The supervisor restarts a process that ends. A store whose engine has panicked (after a full disk, for example)
keeps running and rejects every request; only a restart recovers it, with all writes that it has acknowledged.
"""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from tools.local_platform.layout import HOST
from tools.local_platform.processes import Process
from tools.local_platform.supervision import Supervisor

PROBE_SECONDS = 2.0
TIMEOUT_SECONDS = 3.0
STARTING_SECONDS = 20.0
MAXIMUM_FAILURES = 3
RETRY_SECONDS = 10.0

Probe = Callable[[int], None]


def _ping_valkey(port: int) -> None:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    with redis.Redis(host=HOST, port=port, socket_timeout=TIMEOUT_SECONDS, retry=once) as client:
        client.ping()


def _read_document(port: int) -> None:
    """Read one document, which fails when the storage engine has panicked."""
    import pymongo

    milliseconds = int(TIMEOUT_SECONDS * 1000)
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        HOST, port, serverSelectionTimeoutMS=milliseconds, socketTimeoutMS=milliseconds
    )
    with client:
        client["shopping"]["products"].find_one({}, {"_id": 1})


def _get(port: int) -> None:
    try:
        urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=TIMEOUT_SECONDS).close()
    except urllib.error.HTTPError as error:
        if error.code >= 500:
            raise


def _connect(port: int) -> None:
    socket.create_connection((HOST, port), timeout=TIMEOUT_SECONDS).close()


PROBES: dict[str, Probe] = {
    "valkey": _ping_valkey,
    "secantus": _read_document,
    "aws": _get,
    "localstripe": _get,
    "mail": _connect,
}


class StoreWatch:
    """Checks each store every PROBE_SECONDS and restarts it after MAXIMUM_FAILURES failures in a row."""

    def __init__(
        self,
        supervisor: Supervisor,
        stores: Sequence[Process],
        report: Callable[[str], None],
        probes: dict[str, Probe] = PROBES,
    ) -> None:
        self._supervisor = supervisor
        self._stores = stores
        self._report = report
        self._probes = probes
        self._failures: Counter[str] = Counter()
        self._healthy_since_start: dict[str, object] = {}
        self._next_probe = 0.0
        self._next_retry = 0.0

    def check(self) -> None:
        """Probe the stores when it is time to, and start every process in the state FATAL."""
        if time.monotonic() < self._next_probe:
            return
        # A process can end after its state was read; then the command to it fails.
        with suppress(OSError, xmlrpc.client.Error):
            self._check()
        self._next_probe = time.monotonic() + PROBE_SECONDS

    def _check(self) -> None:
        states = {str(state["name"]): state for state in self._supervisor.states()}
        for process in self._stores:
            if states[process.name]["statename"] == "RUNNING":
                self._probe(process, states[process.name]["start"])
        fatal = [state for state in states.values() if state["statename"] == "FATAL"]
        if fatal and time.monotonic() >= self._next_retry:
            self._start(fatal)

    def _probe(self, process: Process, started_at: object) -> None:
        if process.port is None:
            return
        try:
            self._probes.get(process.name, _connect)(process.port)
            self._healthy_since_start[process.name] = started_at
        except Exception as error:  # each client raises its own exceptions
            if self._is_starting(process.name, started_at):
                return
            self._failures[process.name] += 1
            if self._failures[process.name] >= MAXIMUM_FAILURES:
                self._report(f"{process.name} runs but fails its health check ({error}). Restarting it.")
                self._supervisor.kill(process)
                del self._failures[process.name]
            return
        self._failures.pop(process.name, None)

    def _is_starting(self, name: str, started_at: object) -> bool:
        """Whether a process started recently (in seconds of the epoch) and has not been healthy since."""
        was_healthy = self._healthy_since_start.get(name) == started_at
        return not was_healthy and time.time() - float(str(started_at)) < STARTING_SECONDS

    def _start(self, states: Sequence[dict[str, object]]) -> None:
        for state in states:
            self._report(f"{state['name']} crashed repeatedly. See its log; it is started again.")
            self._supervisor.start_named(f"{state['group']}:{state['name']}")
        self._next_retry = time.monotonic() + RETRY_SECONDS
