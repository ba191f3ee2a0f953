"""A service on the chassis whose operations do nothing: the upper limit of the speed of operations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import MetaData

from libs.chassis import logs, settings, tracing
from libs.chassis.app import AsgiApp, create_app
from libs.chassis.contract_resolver import ContractResolver
from libs.chassis.events import EventRegistry
from libs.chassis.service import Service
from libs.chassis.settings import ServiceSettings
from tests.attacks.gateways import ExtraService
from tests.support.platform import RunningPlatform
from tests.support.servers import free_port
from tools.local_platform import credentials, environment
from tools.local_platform.layout import HOST
from tools.project import ROOT

CONTRACT = Path(__file__).with_name("empty.yaml")


def read_nothing() -> dict[str, Any]:
    return {}


def change_nothing() -> dict[str, Any]:
    return {}


def application() -> AsgiApp:
    """Return the settings of gunicorn."""
    settings.use_settings(ServiceSettings.from_environment())
    logs.configure("empty", settings.settings().log_level)
    tracing.configure("empty", settings.settings().otlp_endpoint)
    # It is no package of services/, so its handlers are not looked through.
    ContractResolver.require_operations = lambda *_: None  # type: ignore[method-assign]
    return create_app(Service("empty", ServiceSettings, MetaData(), EventRegistry("empty")))


@contextmanager
def running_empty(platform: RunningPlatform, folder: Path) -> Iterator[ExtraService]:
    """Run the empty service with the settings and the server of the others."""
    folder.mkdir()
    shutil.copy(CONTRACT, folder)
    port = free_port()
    given = environment.service_settings(platform.layout, credentials.ensure(platform.layout), "shopping")
    given |= {"RECLOTHES_BIND": f"{HOST}:{port}", "RECLOTHES_CONTRACTS_DIR": str(folder)}
    target = "tests.bench.empty_service:application()"
    command = [sys.executable, "-m", "gunicorn", "-c", "libs/chassis/gunicorn_conf.py", target]
    with (folder / "empty.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | given, stdout=log, stderr=log)
        try:
            _wait_until_ready(process, f"https://{HOST}:{port}/livez", platform.ca_file)
            exposed: dict[str, dict[str, Any]] = {"read_nothing": {"open": True}, "change_nothing": {}}
            yield ExtraService("empty", port, CONTRACT, exposed)
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, ca_file: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("the empty service ended")
        try:
            if httpx.get(url, verify=str(ca_file)).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError("the empty service was not ready in 30 s")
