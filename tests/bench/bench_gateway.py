"""The overhead of the external gateway: an authenticated request through it, and one directly to the service.

The script starts a platform and measures both alternately with the same number of connections, so that the ratio is
valid on a machine whose speed drifts. Through the gateway the request has an opaque token, which auth exchanges; to
the service it has the JWT. The load comes from wrk (Debian: `apt-get install wrk`).
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
    """One turn: requests per second, and the median and the 99th percentile of their durations in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def jwt_for(platform: RunningPlatform, token: str) -> str:
    """The JWT that the gateway gets from auth for this token."""
    url = f"{platform.layout.service_url('auth')}/exchange/external{PATH}"
    response = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, verify=str(platform.ca_file))
    response.raise_for_status()
    return response.headers["authorization"].removeprefix("Bearer ")


def run_wrk(url: str, token: str, connections: int, seconds: int) -> Measurement:
    """Run wrk for one turn. Raises SystemExit when a response was not 2xx."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "--timeout", "30s"]
    output = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {token}", url + PATH], capture_output=True, text=True, check=True
    ).stdout
    return parse_output(output)


def parse_output(output: str) -> Measurement:
    """Parse the output of wrk. Raises SystemExit when a response was not 2xx."""
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"Not all responses were 2xx:\n{output}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    if rate is None:
        raise SystemExit(f"The output of wrk has an unknown format:\n{output}")
    return Measurement(float(rate[1]), percentile_ms(50, output), percentile_ms(99, output))


def percentile_ms(percent: int, output: str) -> float:
    result = re.search(rf"{percent}%\s+([0-9.]+)(us|ms|s|m)", output)
    if result is None:
        raise SystemExit(f"The output of wrk has an unknown format:\n{output}")
    return float(result[1]) * UNITS_MS[result[2]]


def measure(platform: RunningPlatform, gateway: UnthrottledGateway, options: argparse.Namespace) -> None:
    token = log_in(gateway, "buyer@reclothes.example")["access_token"]
    measured: dict[str, list[Measurement]] = {"direct": [], "gateway": []}
    for turn in range(options.turns + 1):
        jwt = jwt_for(platform, token)
        targets = {"direct": (platform.layout.service_url("customer"), jwt), "gateway": (gateway.url, token)}
        for name in sorted(targets, reverse=turn % 2 == 0):  # alternate which is first
            result = run_wrk(*targets[name], options.connections, options.seconds)
            if turn > 0:  # the first turn warms up
                measured[name].append(result)
    for name, turns in measured.items():
        rate = statistics.median(turn.requests_per_second for turn in turns)
        p50 = statistics.median(turn.p50_ms for turn in turns)
        p99 = statistics.median(turn.p99_ms for turn in turns)
        summary = f"{rate:7.0f} requests/s   p50 {p50:6.1f} ms   p99 {p99:6.1f} ms"
        print(f"GET {PATH} {name:8} {summary}   ({options.connections} connections)")
    pairs = zip(measured["gateway"], measured["direct"], strict=True)
    ratios = [proxied.requests_per_second / direct.requests_per_second for proxied, direct in pairs]
    print(f"gateway / direct: {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="turns of each way (default: 5)")
    parser.add_argument("--seconds", type=int, default=5, help="of one turn (default: 5)")
    parser.add_argument("--connections", type=int, default=16, help="at once (default: 16)")
    options = parser.parse_args()
    require_load_generator()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Layout(Path(folder) / "platform", web_workers=1).on_free_ports()) as platform,
        without_throttles(platform, "external", Path(folder) / "gateway") as gateway,
    ):
        measure(platform, gateway, options)


if __name__ == "__main__":
    main()
