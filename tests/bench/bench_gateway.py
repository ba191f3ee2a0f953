"""What the external gateway costs: an authenticated request through it against the same request to the service.

A whole platform is started; both ways are asked in turns, over as many connections, so the ratio holds on a machine
whose speed drifts. Through the gateway the request has an opaque token that auth exchanges; to the service it goes
with the JWT. The load comes from wrk (Debian: `apt-get install wrk`).
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
class Measured:
    """One turn: requests a second, and the median and the 99th percentile of their times in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float


def jwt_for(platform: RunningPlatform, token: str) -> str:
    """What the gateway gets from auth for this token."""
    url = f"{platform.layout.service_url('auth')}/exchange/external{PATH}"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, verify=str(platform.ca_file))
    answer.raise_for_status()
    return answer.headers["authorization"].removeprefix("Bearer ")


def ask(url: str, token: str, connections: int, seconds: int) -> Measured:
    """One turn of wrk; SystemExit when an answer was not 2xx."""
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "--timeout", "30s"]
    told = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {token}", url + PATH], capture_output=True, text=True, check=True
    ).stdout
    return read(told)


def read(told: str) -> Measured:
    """What wrk measured; SystemExit when an answer was not 2xx."""
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"not every answer was 2xx:\n{told}")
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", told)
    if rate is None:
        raise SystemExit(f"wrk said something else:\n{told}")
    return Measured(float(rate[1]), percentile_ms(50, told), percentile_ms(99, told))


def percentile_ms(percent: int, told: str) -> float:
    found = re.search(rf"{percent}%\s+([0-9.]+)(us|ms|s|m)", told)
    if found is None:
        raise SystemExit(f"wrk said something else:\n{told}")
    return float(found[1]) * UNITS_MS[found[2]]


def measure(platform: RunningPlatform, gate: UnthrottledGateway, options: argparse.Namespace) -> None:
    token = log_in(gate, "buyer@reclothes.example")["access_token"]
    measured: dict[str, list[Measured]] = {"direct": [], "gateway": []}
    for turn in range(options.turns + 1):
        jwt = jwt_for(platform, token)
        ways = {"direct": (platform.layout.service_url("customer"), jwt), "gateway": (gate.url, token)}
        for name in sorted(ways, reverse=turn % 2 == 0):  # none of them always comes first
            found = ask(*ways[name], options.connections, options.seconds)
            if turn > 0:  # both are warm then
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
    parser.add_argument("--turns", type=int, default=5, help="turns of each way (default: 5)")
    parser.add_argument("--seconds", type=int, default=5, help="of one turn (default: 5)")
    parser.add_argument("--connections", type=int, default=16, help="at once (default: 16)")
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
