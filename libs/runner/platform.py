"""Bringing the whole platform up, keeping it up, and taking it down."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from libs.gateway.build import GATEWAYS, write_envoy_config
from libs.gateway.inputs import EnvoyInputs
from libs.runner import (
    credentials,
    environment,
    from_images,
    layout_json,
    processes,
    supervision,
    waf,
    waf_packages,
)
from libs.runner.layout import HOST, ROOT, SERVICES, Layout, port_is_free
from libs.runner.problems import AlreadyRunning, DidNotStart, NoDiskSpace, PortTaken
from libs.runner.readiness import wait_until_ready
from libs.runner.supervision import Supervisor

NEEDED_BYTES = 500 * 1024 * 1024
PORT_OPTIONS = {"external": "--external-port", "internal": "--internal-port"}


class Platform:
    """One platform in one run directory."""

    def __init__(self, layout: Layout, console: Console) -> None:
        self.layout = layout
        self._console = console
        self._supervisor = Supervisor(layout)
        self._stop = threading.Event()

    def run(self, *, demo_data: bool = True) -> None:
        """Start everything, say how to use it, and wait for Ctrl-C (or SIGTERM); nothing is left afterwards."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stop.set())
        self.layout.run_dir.mkdir(parents=True, exist_ok=True)
        with _only_one(self.layout):
            self._check_surroundings()
            try:
                started = time.monotonic()
                self._start(demo_data=demo_data)
                self._greet(time.monotonic() - started)
                self._wait()
            except _Stopped:
                pass
            finally:
                self._say("Stopping …")
                self._supervisor.stop()
                (self.layout.run_dir / "ready").unlink(missing_ok=True)
                self._say("Everything is stopped. The data stays for the next run.")

    def _check_surroundings(self) -> None:
        free = shutil.disk_usage(self.layout.run_dir).free
        if free < NEEDED_BYTES:
            raise NoDiskSpace(
                f"{self.layout.run_dir} has {free // 2**20} MiB of free disk; 500 MiB are needed. "
                "Make room or choose another place with --run-dir."
            )
        for name, port in self.layout.used_ports():
            if not port_is_free(port):
                option = PORT_OPTIONS.get(name, "--port-base")
                raise PortTaken(
                    f"Port {port}, meant for {name}, is in use. "
                    f"Stop what uses it or choose another one with {option}."
                )

    def _start(self, *, demo_data: bool) -> None:
        layout = self.layout
        own = credentials.ensure(layout)
        for service in SERVICES:
            layout.heartbeat(service).unlink(missing_ok=True)
        _write_gateways(layout)
        if layout.waf:
            self._refuse_when_stopped()
            self._progress("Web application firewall …")
            waf.write(layout, waf_packages.ensure())
        stores = processes.stores(layout, own)
        services, gateways = processes.services(layout, own), processes.gateways(layout)
        everything = [*stores, *services, *gateways]
        self._supervisor.start(supervision.write_config(layout, everything))
        self._step("Stores", stores, 20)
        self._prepare("prepare", "Tables, topics and queues")
        if demo_data and not layout.demo_marker.exists():
            self._prepare("demo-data", "Demo data (once)")
        if layout.images:
            from_images.hand_over(layout)
        self._step("Services and workers", services, 300)
        self._step("Gateways", gateways, 15)
        (layout.run_dir / "ready").write_text(str(time.time()))

    def _step(self, title: str, wanted: list[processes.Process], seconds: float) -> None:
        self._refuse_when_stopped()
        self._supervisor.start_processes(wanted)
        done: list[str] = []

        def tell(name: str) -> None:
            self._refuse_when_stopped()
            done.append(name)
            self._progress(f"{title}: {len(done)} of {len(wanted)} ready ({name})")

        wait_until_ready(self.layout, self._supervisor, wanted, seconds, tell)
        self._say(f"[green]✓[/] {title} ready")

    def _prepare(self, step: str, title: str) -> None:
        """Run a step of preparation.py as a process of its own."""
        self._refuse_when_stopped()
        self._progress(f"{title} …")
        log = self.layout.log_dir / f"{step}.log"
        command = [sys.executable, "-m", "libs.runner.preparation", step]
        surroundings = environment.basic() | layout_json.to_environment(self.layout)
        with log.open("wb") as out:
            answer = subprocess.run(
                command, cwd=ROOT, env=surroundings, stdout=out, stderr=subprocess.STDOUT, check=False
            )
        if answer.returncode != 0:
            tail = "\n".join(f"  {line[:400]}" for line in log.read_text().splitlines()[-12:])
            raise DidNotStart(f"{title}: that did not work.\nThe end of {log}:\n{tail}")
        self._say(f"[green]✓[/] {title}")

    def _refuse_when_stopped(self) -> None:
        if self._stop.is_set():
            raise _Stopped

    def _wait(self) -> None:
        while not self._stop.wait(0.5):
            if not self._supervisor.is_alive():
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


class _Stopped(Exception):
    """Somebody asked to stop before everything was up."""


def _write_gateways(layout: Layout) -> None:
    for gateway in GATEWAYS:
        inputs = EnvoyInputs(
            listen_host=HOST,
            listen_port=layout.gateway_port(gateway),
            tls_cert=layout.secrets_dir / "server.pem",
            tls_key=layout.secrets_dir / "server-key.pem",
            ca_file=layout.ca_file,
            upstreams={service: (HOST, layout.port(service)) for service in SERVICES},
            jwt_issuer=layout.url_of_gateway("external"),
            admin=Path(f"{layout.run_dir}/{gateway}-admin.sock"),
            trusted_hops=1 if gateway == "external" and layout.waf else 0,
        )
        write_envoy_config(gateway, layout.config_dir / f"{gateway}.json", inputs)


@contextmanager
def _only_one(layout: Layout) -> Iterator[None]:
    """Hold the run directory for this process."""
    with layout.lock_file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning(
                f"A platform runs in {layout.run_dir} already. Stop it with `make stop`, or choose another "
                "place with --run-dir."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
        lock.truncate(0)
