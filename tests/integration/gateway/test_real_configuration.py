"""Envoy takes the configurations that the real contracts and `gateway-config/` give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.running import Certificates

SERVICES = ("auth", "customer", "shopping", "billing", "admin", "locker")


@pytest.mark.parametrize("gateway", ["external", "internal"])
def test_command_writes_a_valid_envoy_configuration(
    gateway: str, certificates: Certificates, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tools.gateway", "envoy", gateway, str(tmp_path / "envoy.json")]
    command += ["--listen", "127.0.0.1:8443", "--admin", "17020", "--validate"]
    command += ["--tls-cert", str(certificates.cert), "--tls-key", str(certificates.key)]
    command += ["--ca-file", str(certificates.ca_file), "--jwt-issuer", "https://auth.reclothes.example"]
    for number, service in enumerate(SERVICES):
        command += ["--upstream", f"{service}=127.0.0.1:{17001 + number}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "OK" in done.stdout


def test_command_reports_missing_inputs(certificates: Certificates, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.gateway", "--contracts-dir", str(tmp_path), "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "scopes.yaml" in done.stderr
    assert "Traceback" not in done.stderr
