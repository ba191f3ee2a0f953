"""What a crash of any process costs: nothing that a user was told, and a moment of waiting."""

from __future__ import annotations

import io
import os
import signal
from typing import Any

import pytest
from rich.console import Console

from libs.runner import demo_story, processes
from libs.runner.actors import wait_for
from libs.runner.credentials import ensure
from libs.runner.layout import SERVICES
from libs.runner.readiness import is_ready
from libs.runner.supervision import control
from tests.support.platform import RunningPlatform, orphans_of


def states(platform: RunningPlatform) -> dict[str, dict[str, Any]]:
    found: Any = control(platform.layout.control_socket).supervisor.getAllProcessInfo()
    return {state["name"]: state for state in found}


def kill_and_wait(platform: RunningPlatform, name: str) -> None:
    """End a process as a crash does, and wait until the supervisor has it up again."""
    before = states(platform)[name]["pid"]
    os.kill(before, signal.SIGKILL)

    def restarted() -> bool | None:
        state = states(platform)[name]
        return True if state["statename"] == "RUNNING" and state["pid"] != before else None

    wait_for(f"{name} to be started again", restarted, seconds=30)
    wait_for("no process to be left over", lambda: None if orphans_of(platform.layout) else True)


def wait_until_all_are_ready(platform: RunningPlatform) -> None:
    layout = platform.layout
    credentials = ensure(layout)
    everything = [
        *processes.stores(layout, credentials),
        *processes.services(layout, credentials),
        *processes.gateways(layout),
    ]
    for process in everything:
        ready = process
        wait_for(f"{process.name} to be ready", lambda ready=ready: True if is_ready(layout, ready) else None, 120)


def play_the_demo(platform: RunningPlatform) -> None:
    told = io.StringIO()
    console = Console(file=told, width=200)
    passed = demo_story.play(
        platform.external_url, platform.internal_url, platform.ca_file, platform.maildir, console
    )
    assert passed, told.getvalue()


@pytest.mark.real_servers
def test_the_demo_passes(platform: RunningPlatform) -> None:
    play_the_demo(platform)


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
def test_any_service_process_is_started_again_and_the_demo_passes(platform: RunningPlatform) -> None:
    for service in SERVICES:
        platform.layout.heartbeat(service).unlink()
        for name in (service, f"{service}-worker"):
            kill_and_wait(platform, name)
    wait_until_all_are_ready(platform)
    play_the_demo(platform)


@pytest.mark.real_servers(only=True)
@pytest.mark.alone
def test_any_store_and_gateway_is_started_again_and_the_demo_passes(platform: RunningPlatform) -> None:
    names = [process.name for process in processes.stores(platform.layout, ensure(platform.layout))]
    for name in (*names, "external-gateway", "internal-gateway"):
        kill_and_wait(platform, name)
    wait_until_all_are_ready(platform)
    play_the_demo(platform)
