"""The gunicorn master builds a service's application before it forks: it holds no connection and no thread then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.local_platform import credentials, environment
from tools.local_platform.layout import Layout
from tools.project import ROOT, SERVICES

pytestmark = pytest.mark.full

BUILD = """
import socket, sqlite3, sys, threading
def fail(*arguments, **options):
    raise AssertionError(f"connected before the fork: {arguments}")
socket.socket.connect = fail
sqlite3.dbapi2.connect = sqlite3.connect = fail
from libs.chassis.app import application
application(sys.argv[1])
assert threading.active_count() == 1, threading.enumerate()
"""


@pytest.mark.parametrize("service", SERVICES)
def test_building_an_application_connects_to_nothing_and_starts_no_thread(tmp_path: Path, service: str) -> None:
    layout = Layout(tmp_path / "run")
    settings = environment.service_settings(layout, credentials.ensure(layout), service)
    command = [sys.executable, "-c", BUILD, service]
    completed = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
