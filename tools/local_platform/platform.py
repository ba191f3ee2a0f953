"""Start, watch and stop the whole platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from rich.console import Console

from tools.local_platform import (
    credentials,
    environment,
    from_images,
    gateway_files,
    host_checks,
    layout_json,
    processes,
    run_lock,
    supervision,
    waf,
    waf_packages,
)
from tools.local_platform.errors import DidNotStart
from tools.local_platform.layout import Layout
from tools.local_platform.readiness import log_tail, wait_until_ready
from tools.local_platform.store_watch import StoreWatch
from tools.local_platform.supervision import Supervisor
from tools.project import ROOT, SERVICES

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Platform:
    """A platform in one run directory."""

    def __init__(self, layout: Layout, console: Console) -> None:
        self.layout = layout
        self._console = console
        self._supervisor = Supervisor(layout)

    def run(self, *, demo_data: bool = True) -> None:
        """Start everything, print how to use it, and wait for Ctrl-C (or SIGTERM); then stop every process."""
        self.layout.run_dir.mkdir(parents=True, exist_ok=True)
        with run_lock.hold(self.layout):
            self.layout.ready_file.unlink(missing_ok=True)
            host_checks.check(self.layout)
            host_checks.check_data(self.layout)
            os.umask(0o077)  # data, logs and configuration hold personal data and secrets
            secrets = credentials.ensure(self.layout)
            layout_json.save(self.layout)
            try:
                for number in STOP_SIGNALS:
                    signal.signal(number, _stop)
                started = time.monotonic()
                stores = self._start(secrets, demo_data=demo_data)
                self._print_instructions(time.monotonic() - started)
                self._watch(stores)
            except _Stopped:
                pass
            finally:
                _ignore_stop_signals()
                self._print("Stopping …")
                self._supervisor.stop()
                self.layout.ready_file.unlink(missing_ok=True)
                self._print("All processes are stopped. The data is kept for the next run.")

    def _start(self, secrets: credentials.Credentials, *, demo_data: bool) -> list[processes.Process]:
        """Start stores, services and gateways, each group after the previous one is ready; returns the stores."""
        layout = self.layout
        for service in SERVICES:
            layout.heartbeat(service).unlink(missing_ok=True)
        gateway_files.write(layout)
        if layout.waf:
            self._progress("Web application firewall …")
            waf.write(layout, waf_packages.ensure())
        stores = processes.stores(layout, secrets)
        services, gateways = processes.services(layout, secrets), processes.gateways(layout)
        everything = [*stores, *services, *gateways]
        self._supervisor.start(supervision.write_config(layout, everything))
        self._start_group("Stores", stores, 20)
        self._prepare("prepare", "Tables, topics and queues")
        layout.prepared_marker.touch()
        if demo_data and not layout.demo_marker.exists():
            self._prepare("demo-data", "Demo data (once)")
        if layout.images:
            from_images.grant_access(layout)
        self._start_group("Services and workers", services, 300)
        self._start_group("Gateways", gateways, 15)
        layout.ready_file.write_text(str(time.time()))
        return stores

    def _start_group(self, title: str, group: list[processes.Process], seconds: float) -> None:
        self._supervisor.start_processes(group)
        ready: list[str] = []

        def report(name: str) -> None:
            ready.append(name)
            self._progress(f"{title}: {len(ready)} of {len(group)} ready ({name})")

        wait_until_ready(self.layout, self._supervisor, group, seconds, report)
        self._print(f"[green]✓[/] {title} ready")

    def _prepare(self, step: str, title: str) -> None:
        """Run a step of preparation.py in its own process."""
        self._progress(f"{title} …")
        log = self.layout.log_dir / f"{step}.log"
        command = [sys.executable, "-m", "tools.local_platform.preparation", step]
        variables = environment.basic() | layout_json.to_environment(self.layout)
        with log.open("wb") as out:
            completed = subprocess.run(
                command, cwd=ROOT, env=variables, stdout=out, stderr=subprocess.STDOUT, check=False
            )
        if completed.returncode != 0:
            raise DidNotStart(f"{title}: failed.\n{log_tail(self.layout, step)}")
        self._print(f"[green]✓[/] {title}")

    def _watch(self, stores: list[processes.Process]) -> None:
        """Run until the platform is stopped, and restart stores that the supervisor does not restart."""
        watch = StoreWatch(self._supervisor, stores, self._print)
        while self._supervisor.is_alive():
            time.sleep(0.5)
            watch.check()
        raise DidNotStart("The process supervisor ended unexpectedly. See supervisor.log.")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def _progress(self, text: str) -> None:
        """Print a line that the next one replaces, on a terminal only."""
        if self._console.is_terminal:
            self._console.print(f"  {text}", end="\r", soft_wrap=True, highlight=False)

    def _print_instructions(self, seconds: float) -> None:
        external = self.layout.gateway_url("external")
        internal = self.layout.gateway_url("internal")
        self._print(
            f"""
[bold]ReClothes is up[/] after {seconds:.0f} s.

  Customers   {external}
  Staff       {internal}
  CA file     {self.layout.ca_file}
  Logs        {self.layout.log_dir}

  Demo accounts, all with the password [bold]Reclothes-demo-1![/]
    manager, employee, deliveryman   @reclothes.example   at the internal gateway
    donor, buyer, buyer2             @reclothes.example   at the external gateway

  Try next, in a second shell:
    make demo      donate, sell and deliver a coat through both gateways
    make box       act as the box controller of a location, with its QR code
    make mail      show the mails that were sent
    make status    show every process and its memory
    curl --cacert {self.layout.ca_file} '{external}/shopping/v1/products?colour=navy&limit=3'

  Ctrl-C stops everything.
"""
        )


class _Stopped(BaseException):
    """SIGINT or SIGTERM arrived; like KeyboardInterrupt it interrupts the main thread."""


def _stop(*_: object) -> None:
    _ignore_stop_signals()
    raise _Stopped


def _ignore_stop_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
