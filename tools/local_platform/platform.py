"""Bringing the whole platform up, keeping it up, and taking it down."""

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
    """One platform in one run directory."""

    def __init__(self, layout: Layout, console: Console) -> None:
        self.layout = layout
        self._console = console
        self._supervisor = Supervisor(layout)

    def run(self, *, demo_data: bool = True) -> None:
        """Start everything, print how to use it, and wait for Ctrl-C (or SIGTERM); no process remains."""
        self.layout.run_dir.mkdir(parents=True, exist_ok=True)
        with run_lock.hold(self.layout):
            self.layout.ready_file.unlink(missing_ok=True)
            host_checks.check(self.layout)
            host_checks.check_data(self.layout)
            os.umask(0o077)  # data, logs and configuration hold personal data and secrets
            own = credentials.ensure(self.layout)
            layout_json.save(self.layout)
            try:
                for number in STOP_SIGNALS:
                    signal.signal(number, _stop)
                started = time.monotonic()
                stores = self._start(own, demo_data=demo_data)
                self._greet(time.monotonic() - started)
                self._watch(stores)
            except _Stopped:
                pass
            finally:
                _ignore_stop_signals()
                self._say("Stopping …")
                self._supervisor.stop()
                self.layout.ready_file.unlink(missing_ok=True)
                self._say("Everything is stopped. The data stays for the next run.")

    def _start(self, own: credentials.Credentials, *, demo_data: bool) -> list[processes.Process]:
        """Start the stores, the services and the gateways, each group when the one before is ready; the stores."""
        layout = self.layout
        for service in SERVICES:
            layout.heartbeat(service).unlink(missing_ok=True)
        gateway_files.write(layout)
        if layout.waf:
            self._progress("Web application firewall …")
            waf.write(layout, waf_packages.ensure())
        stores = processes.stores(layout, own)
        services, gateways = processes.services(layout, own), processes.gateways(layout)
        everything = [*stores, *services, *gateways]
        self._supervisor.start(supervision.write_config(layout, everything))
        self._step("Stores", stores, 20)
        self._prepare("prepare", "Tables, topics and queues")
        layout.prepared_marker.touch()
        if demo_data and not layout.demo_marker.exists():
            self._prepare("demo-data", "Demo data (once)")
        if layout.images:
            from_images.hand_over(layout)
        self._step("Services and workers", services, 300)
        self._step("Gateways", gateways, 15)
        layout.ready_file.write_text(str(time.time()))
        return stores

    def _step(self, title: str, wanted: list[processes.Process], seconds: float) -> None:
        self._supervisor.start_processes(wanted)
        done: list[str] = []

        def tell(name: str) -> None:
            done.append(name)
            self._progress(f"{title}: {len(done)} of {len(wanted)} ready ({name})")

        wait_until_ready(self.layout, self._supervisor, wanted, seconds, tell)
        self._say(f"[green]✓[/] {title} ready")

    def _prepare(self, step: str, title: str) -> None:
        """Run a step of preparation.py as a process of its own."""
        self._progress(f"{title} …")
        log = self.layout.log_dir / f"{step}.log"
        command = [sys.executable, "-m", "tools.local_platform.preparation", step]
        surroundings = environment.basic() | layout_json.to_environment(self.layout)
        with log.open("wb") as out:
            answer = subprocess.run(
                command, cwd=ROOT, env=surroundings, stdout=out, stderr=subprocess.STDOUT, check=False
            )
        if answer.returncode != 0:
            raise DidNotStart(f"{title}: this step failed.\n{log_tail(self.layout, step)}")
        self._say(f"[green]✓[/] {title}")

    def _watch(self, stores: list[processes.Process]) -> None:
        """Keep the platform up until it is stopped, and restart what the supervisor alone does not."""
        watch = StoreWatch(self._supervisor, stores, self._say)
        while self._supervisor.is_alive():
            time.sleep(0.5)
            watch.check()
        raise DidNotStart("The process supervisor ended; everything is being stopped.")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def _progress(self, text: str) -> None:
        """A line that the next one takes the place of, on a terminal only."""
        if self._console.is_terminal:
            self._console.print(f"  {text}", end="\r", soft_wrap=True, highlight=False)

    def _greet(self, seconds: float) -> None:
        external = self.layout.url_of_gateway("external")
        internal = self.layout.url_of_gateway("internal")
        self._say(
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
    make demo      a coat is donated, put on sale and bought, through both gateways
    make box       be the box controller of a location, with its QR code
    make mail      the mails that were sent
    make status    what is up, and how much memory it takes
    curl --cacert {self.layout.ca_file} '{external}/shopping/v1/products?colour=navy&limit=3'

  Ctrl-C stops everything.
"""
        )


class _Stopped(BaseException):
    """SIGINT or SIGTERM arrived; like KeyboardInterrupt it ends whatever the main thread does."""


def _stop(*_: object) -> None:
    _ignore_stop_signals()
    raise _Stopped


def _ignore_stop_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
