from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.gateway.example import Example
from tools.gateway.inputs import EnvoyInputs


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(tmp_path)


@pytest.fixture
def inputs(tmp_path: Path) -> EnvoyInputs:
    services = ("auth", "shop", "customer", "shopping", "billing", "admin", "locker")
    return EnvoyInputs(
        listen=("127.0.0.1", 8443),
        tls_cert=tmp_path / "cert.pem",
        tls_key=tmp_path / "key.pem",
        ca_file=tmp_path / "ca.pem",
        upstreams={service: ("127.0.0.1", 17000 + number) for number, service in enumerate(services)},
        jwt_issuer="https://auth.reclothes.example",
        admin=Path("/run/gateway.sock"),
    )
