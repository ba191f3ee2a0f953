"""The overhead of the firewall: an authenticated request through firewall and gateway, and through the gateway.

The script starts a platform and measures both alternately with the same number of connections, so that the ratio is
valid on a machine whose speed drifts. Neither has throttles. The load comes from wrk (Debian: `apt-get install
wrk`).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from tests.attacks.conftest import log_in
from tests.attacks.gateways import UnthrottledGateway, without_throttles
from tests.bench.bench_gateway import PATH, Measurement, run_wrk
from tests.bench.prerequisites import require_firewall, require_load_generator
from tests.support.platform import RunningPlatform, running
from tests.support.servers import free_port
from tools.demo.people import wait_for
from tools.local_platform import gateway_files, waf, waf_packages
from tools.local_platform.layout import PORT_OFFSETS, Layout
from tools.local_platform.processes import gateways
from tools.local_platform.readiness import is_ready
from tools.project import ROOT


@contextmanager
def firewall(platform: RunningPlatform, gateway: UnthrottledGateway, folder: Path) -> Iterator[str]:
    """Run the firewall in front of `gateway`; yield its URL."""
    base = gateway.port - PORT_OFFSETS["external-gateway"]
    layout = replace(platform.layout, run_dir=folder, port_base=base, external_port=free_port(), waf=True)
    shutil.copytree(platform.layout.secrets_dir, layout.secrets_dir)
    waf.write(layout, waf_packages.ensure())
    gateway_files.write_connection_limiter(layout)
    needed = [process for process in gateways(layout) if process.name in ("connection-limiter", "waf")]
    with ExitStack() as stack:
        for process in needed:
            running_process = subprocess.Popen(
                process.command, cwd=ROOT, env=process.environment, stdout=subprocess.DEVNULL
            )
            stack.callback(running_process.wait, 10)
            stack.callback(running_process.terminate)
        wait_for("the firewall", lambda: all(is_ready(layout, process) for process in needed) or None)
        yield layout.gateway_url("external")


def measure(urls: dict[str, str], token: str, options: argparse.Namespace) -> None:
    measured: dict[str, list[Measurement]] = {name: [] for name in urls}
    for turn in range(options.turns + 1):
        for name in sorted(urls, reverse=turn % 2 == 0):  # alternate which is first
            result = run_wrk(urls[name], token, options.connections, options.seconds)
            if turn > 0:  # the first turn warms up
                measured[name].append(result)
    for name, turns in measured.items():
        rate = statistics.median(turn.requests_per_second for turn in turns)
        p50 = statistics.median(turn.p50_ms for turn in turns)
        print(f"GET {PATH} {name:8} {rate:7.0f} requests/s   p50 {p50:6.1f} ms")
    pairs = zip(measured["firewall"], measured["gateway"], strict=True)
    ratios = [through.requests_per_second / alone.requests_per_second for through, alone in pairs]
    print(f"firewall / gateway: {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="turns of each way (default: 5)")
    parser.add_argument("--seconds", type=int, default=5, help="of one turn (default: 5)")
    parser.add_argument("--connections", type=int, default=16, help="at once (default: 16)")
    options = parser.parse_args()
    require_load_generator()
    require_firewall()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Layout(Path(folder) / "platform", web_workers=1).on_free_ports()) as platform,
        without_throttles(platform, "external", Path(folder) / "gateway") as gateway,
        firewall(platform, gateway, Path(folder) / "firewall") as url,
    ):
        token = log_in(gateway, "buyer@reclothes.example")["access_token"]
        measure({"gateway": gateway.url, "firewall": url}, token, options)


if __name__ == "__main__":
    main()
