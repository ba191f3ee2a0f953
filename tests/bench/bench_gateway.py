"""The overhead of the external gateway: an authenticated request through it compared with one to the service.

A whole platform is started. Both targets are measured alternately with the same number of connections, so the ratio
is valid on a machine with varying speed. Requests through the gateway have an opaque token, which auth exchanges;
requests to the service have the JWT. wrk generates the load (Debian: `apt-get install wrk`).
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.attacks.conftest import log_in
from tests.attacks.gateways import UnthrottledGateway, without_throttles
from tests.bench.prerequisites import require_load_generator
from tests.support.platform import RunningPlatform, running
from tools.local_platform.layout import Layout

PATH = "/customer/v1/profile"
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Measurement:
    """One round: requests per second, median and 99th percentile of the response times in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def jwt_for(platform: RunningPlatform, token: str) -> str:
    """Return the JWT that the gateway gets from auth for this token."""
    url = f"{platform.layout.service_url('auth')}/exchange/external{PATH}"
    response = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, verify=str(platform.ca_file))
    response.raise_for_status()
    return response.headers["authorization"].removeprefix("Bearer ")


def run_wrk(url: str, token: str, connections: int, seconds: int) -> Measurement:
    """Run wrk for one round; SystemExit when a response was not 2xx."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "--timeout", "30s"]
    output = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {token}", url + PATH], capture_output=True, text=True, check=True
    ).stdout
    return parse_wrk(output)


def parse_wrk(output: str) -> Measurement:
    """Parse the output of wrk; SystemExit when a response was not 2xx."""
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"Some responses were not 2xx:\n{output}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    if rate is None:
        raise SystemExit(f"The output of wrk has an unknown format:\n{output}")
    return Measurement(float(rate[1]), percentile_ms(50, output), percentile_ms(99, output))


def percentile_ms(percent: int, output: str) -> float:
    found = re.search(rf"{percent}%\s+([0-9.]+)(us|ms|s|m)", output)
    if found is None:
        raise SystemExit(f"The output of wrk has an unknown format:\n{output}")
    return float(found[1]) * UNITS_MS[found[2]]


def measure(platform: RunningPlatform, gate: UnthrottledGateway, options: argparse.Namespace) -> None:
    token = log_in(gate, "buyer@reclothes.example")["access_token"]
    measured: dict[str, list[Measurement]] = {"direct": [], "gateway": []}
    for turn in range(options.turns + 1):
        jwt = jwt_for(platform, token)
        ways = {"direct": (platform.layout.service_url("customer"), jwt), "gateway": (gate.url, token)}
        for name in sorted(ways, reverse=turn % 2 == 0):  # alternate the order
            found = run_wrk(*ways[name], options.connections, options.seconds)
            if turn > 0:  # the first round is the warm-up
                measured[name].append(found)
    for name, turns in measured.items():
        rate = statistics.median(one.requests_per_second for one in turns)
        p50 = statistics.median(one.p50_ms for one in turns)
        p99 = statistics.median(one.p99_ms for one in turns)
        told = f"{rate:7.0f} requests/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms"
        print(f"GET {PATH} {name:8} {told}   ({options.connections} connections)")
    pairs = zip(measured["gateway"], measured["direct"], strict=True)
    ratios = [gateway.requests_per_second / direct.requests_per_second for gateway, direct in pairs]
    print(f"gateway / direct: {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="rounds for each target (default: 5)")
    parser.add_argument("--seconds", type=int, default=5, help="length of one round (default: 5)")
    parser.add_argument("--connections", type=int, default=16, help="concurrent connections (default: 16)")
    options = parser.parse_args()
    require_load_generator()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Layout(Path(folder) / "platform", web_workers=1).on_free_ports()) as platform,
        without_throttles(platform, "external", Path(folder) / "gateway") as gate,
    ):
        measure(platform, gate, options)


if __name__ == "__main__":
    main()
