"""Damaged certificates are made again; damaged secrets that stored data depends on are reported."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.local_platform import credentials
from tools.local_platform.errors import DamagedFile
from tools.local_platform.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "run")
    credentials.ensure(made)
    return made


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


DAMAGES = [Path.unlink, empty, cut_off]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"])
def test_damaged_certificate_is_replaced(layout: Layout, name: str, damage: Callable[[Path], object]) -> None:
    damage(layout.secrets_dir / name)
    credentials.ensure(layout)
    ssl.create_default_context(cafile=str(layout.ca_file))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(layout.secrets_dir / "server.pem", layout.secrets_dir / "server-key.pem")
    before = layout.ca_file.read_bytes()
    credentials.ensure(layout)
    assert layout.ca_file.read_bytes() == before, "what is made again is usable"


def test_certificate_of_another_authority_is_replaced(layout: Layout, tmp_path: Path) -> None:
    other = Layout(tmp_path / "other")
    credentials.ensure(other)
    for name in ("server.pem", "server-key.pem"):
        (layout.secrets_dir / name).write_bytes((other.secrets_dir / name).read_bytes())
    credentials.ensure(layout)
    assert (layout.secrets_dir / "server.pem").read_bytes() != (other.secrets_dir / "server.pem").read_bytes()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"unknown": 1}', '{"client_secrets": {}}', '{"stripe_api_key": 1}']
)
def test_damaged_secrets_are_reported_with_the_fix(layout: Layout, content: str) -> None:
    path = layout.secrets_dir / "secrets.json"
    path.write_text(content)
    with pytest.raises(DamagedFile) as error:
        credentials.ensure(layout)
    assert f"{path} is damaged. Restore it, or delete it" in str(error.value)
    path.unlink()
    credentials.ensure(layout)


@pytest.mark.parametrize("damage", [empty, cut_off])
@pytest.mark.parametrize("folder", ["signing-keys", "grant-keys"])
def test_a_damaged_key_is_reported_with_the_fix(
    layout: Layout, folder: str, damage: Callable[[Path], object]
) -> None:
    [path] = (layout.secrets_dir / folder).glob("*.pem")
    damage(path)
    with pytest.raises(DamagedFile) as error:
        credentials.ensure(layout)
    assert f"{path} is damaged. Restore it, or delete it" in str(error.value)
    path.unlink()
    credentials.ensure(layout)
