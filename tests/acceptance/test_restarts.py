"""A process that crashes is restarted quickly, and nothing that was acknowledged is lost."""

from __future__ import annotations

import io
import os
import signal
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from tests.support.platform import RunningPlatform, orphans_of
from tools.demo import story
from tools.demo.people import wait_for
from tools.local_platform import processes
from tools.local_platform.credentials import ensure
from tools.local_platform.readiness import is_ready
from tools.local_platform.supervision import control
from tools.project import SERVICES


def process_states(platform: RunningPlatform) -> dict[str, dict[str, Any]]:
    processes_info: Any = control(platform.layout.control_socket).supervisor.getAllProcessInfo()
    return {state["name"]: state for state in processes_info}


def kill_and_wait(platform: RunningPlatform, name: str) -> None:
    """Kill a process, and wait until the supervisor has restarted it."""
    before = process_states(platform)[name]["pid"]
    os.kill(before, signal.SIGKILL)

    def is_restarted() -> bool | None:
        state = process_states(platform)[name]
        return True if state["statename"] == "RUNNING" and state["pid"] != before else None

    wait_for(f"{name} to be restarted", is_restarted, seconds=30)
    wait_for("no orphaned process to be left", lambda: None if orphans_of(platform.layout) else True)


def wait_until_ready(platform: RunningPlatform) -> None:
    layout = platform.layout
    credentials = ensure(layout)
    all_processes = [
        *processes.stores(layout, credentials),
        *processes.services(layout, credentials),
        *processes.gateways(layout),
    ]
    for process in all_processes:
        ready = process
        wait_for(f"{process.name} to be ready", lambda ready=ready: True if is_ready(layout, ready) else None, 120)


def run_demo(platform: RunningPlatform) -> None:
    output = io.StringIO()
    console = Console(file=output, width=200)
    passed = story.play(platform.external_url, platform.internal_url, platform.ca_file, platform.maildir, console)
    assert passed, output.getvalue()


def worker_ids(master: int) -> set[int]:
    """The process ids of the workers of a web process."""
    return set(map(int, Path(f"/proc/{master}/task/{master}/children").read_text().split()))


READS = {
    "auth": "/auth/v1/jwks",
    "customer": "/customer/v1/profile",
    "shopping": "/shopping/v1/products?limit=1",
    "billing": "/billing/v1/payment-configuration",
    "admin": "/admin/v1/employees",
    "locker": "/locker/v1/locations",
}


def read_until(platform: RunningPlatform, service: str, done: threading.Event) -> list[int]:
    """Send reads on new connections until `done`; return the statuses, 0 for a lost connection."""
    statuses: list[int] = []
    context = ssl.create_default_context(cafile=str(platform.ca_file))
    url = platform.layout.service_url(service) + READS[service]
    while not done.is_set():
        try:
            statuses.append(httpx.get(url, verify=context, timeout=10).status_code)
        except httpx.TransportError:
            statuses.append(0)
    return statuses


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_worker_is_replaced_within_three_seconds_without_downtime(
    platform: RunningPlatform, service: str
) -> None:
    master = process_states(platform)[service]["pid"]
    before = worker_ids(master)
    assert len(before) >= 2, "one worker serves while the other one is replaced"
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        reads = pool.submit(read_until, platform, service, done)
        os.kill(min(before), signal.SIGKILL)
        killed = time.monotonic()
        try:
            wait_for("a new worker", lambda: len(worker_ids(master) - {min(before)}) >= len(before) or None, 10)
            assert time.monotonic() - killed < 3
            time.sleep(0.5)
        finally:
            done.set()
        statuses = reads.result()
    assert statuses.count(0) <= 1, "only the request that the killed worker was serving is lost"
    assert 0 < max(statuses) < 500


@pytest.mark.real_servers
def test_the_demo_passes(platform: RunningPlatform) -> None:
    run_demo(platform)


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
def test_the_demo_passes_after_each_service_process_was_killed(platform: RunningPlatform) -> None:
    for service in SERVICES:
        platform.layout.heartbeat(service).unlink()
        for name in (service, f"{service}-worker"):
            kill_and_wait(platform, name)
    wait_until_ready(platform)
    run_demo(platform)


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
def test_the_demo_passes_after_each_store_and_gateway_was_killed(platform: RunningPlatform) -> None:
    names = [process.name for process in processes.stores(platform.layout, ensure(platform.layout))]
    for name in (*names, "external-gateway", "internal-gateway", "connection-limiter"):
        kill_and_wait(platform, name)
    wait_until_ready(platform)
    run_demo(platform)
