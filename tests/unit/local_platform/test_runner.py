"""The runner's parts that need no processes."""

from __future__ import annotations

import io
import json
import os
import ssl
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from rich.console import Console

from tools.local_platform import bootstrap, credentials, environment, layout_json, processes, stories, supervision
from tools.local_platform.cli import main
from tools.local_platform.layout import Layout
from tools.project import ROOT, SERVICES

COMMANDS = ("run", "status", "stop", "demo", "mail", "stories")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "run")


def test_every_process_has_its_own_port(layout: Layout) -> None:
    ports = [port for _, port in layout.used_ports()]
    assert len(ports) == len(set(ports)) == 2 + 6 + 5


def test_external_redis_needs_no_port(tmp_path: Path) -> None:
    outside = Layout(tmp_path, redis_url="redis://cache.test:6379/0")
    assert "valkey" not in dict(outside.used_ports())
    assert "valkey" not in [process.name for process in processes.stores(outside, credentials.ensure(outside))]


def test_layout_is_passed_through_the_environment(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in layout_json.to_environment(layout).items():
        monkeypatch.setenv(name, value)
    assert layout_json.from_environment() == layout


def test_secrets_are_created_once_and_private(layout: Layout) -> None:
    first, second = credentials.ensure(layout), credentials.ensure(layout)
    assert first == second
    assert stat.S_IMODE(layout.secrets_dir.stat().st_mode) == 0o700
    for path in layout.secrets_dir.rglob("*"):
        public = path.name in ("ca.pem", "server.pem")
        if path.is_file() and not public:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert first.stripe_webhook_secret not in repr(processes.stores(layout, first))


def test_certificate_is_issued_by_the_authority(layout: Layout) -> None:
    credentials.ensure(layout)
    certificate = x509.load_pem_x509_certificate((layout.secrets_dir / "server.pem").read_bytes())
    authority = x509.load_pem_x509_certificate(layout.ca_file.read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    ssl.create_default_context(cafile=str(layout.ca_file))


def test_expiring_certificate_is_renewed(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(credentials, "CERTIFICATE_DAYS", 5)
        credentials.ensure(layout)
        short = (layout.secrets_dir / "server.pem").read_bytes()
    credentials.ensure(layout)
    assert (layout.secrets_dir / "server.pem").read_bytes() != short


def test_process_gets_only_its_own_settings(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_SECRET", "hidden")
    own = credentials.ensure(layout)
    for service in SERVICES:
        found = environment.service_settings(layout, own, service)
        assert "SOMEBODYS_SECRET" not in found
        assert found["RECLOTHES_CLIENT_SECRET"] == own.client_secrets[service]
        assert ("BILLING_STRIPE_API_KEY" in found) == (service == "billing")


def test_the_supervisors_file_with_all_secrets_is_private(layout: Layout) -> None:
    own = credentials.ensure(layout)
    path = supervision.write_config(layout, processes.services(layout, own))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_every_command_has_a_help_text(command: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_commands_report_that_no_platform_runs(tmp_path: Path) -> None:
    for command, message in (
        ("status", "make run"),
        ("stop", "No platform runs"),
        ("demo", "make run"),
        ("mail", "no mail"),
    ):
        result = CliRunner().invoke(main, [command, "--run-dir", str(tmp_path)])
        assert result.exit_code != 0
        assert message in result.output.replace("\n", " ")


def test_stories_are_listed_with_and_without_a_passing_test(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    outcomes = {"passed": {"c-02": ["test_a"], "c-03": ["test_b"]}, "failed": {"c-03": ["test_b"]}}
    results.write_text(json.dumps({"stories": outcomes}))
    output = io.StringIO()
    stories.show(Console(file=output, width=200), results=results)
    lines = {
        line.split()[1]: line for line in output.getvalue().splitlines() if line.startswith(("passes", "fails"))
    }
    assert lines["c-02"].startswith("passes")
    assert lines["c-03"].startswith("fails")
    assert "1 of 112 stories have a passing test." in output.getvalue()


def test_bootstrap_rejects_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda _name: None)
    with pytest.raises(SystemExit) as ended:
        bootstrap.find_python()
    assert ended.value.code == 2


def test_bootstrap_uses_an_installed_newer_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name: "/usr/bin/" + name if name == "python3.12" else None
    )
    assert bootstrap.find_python() == "/usr/bin/python3.12"


def test_bootstrap_rejects_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10 * 2**20})
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(SystemExit) as ended:
        bootstrap.require_space(tmp_path / ".venv")
    assert ended.value.code == 5


def test_the_bootstrap_needs_the_standard_library_only() -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / "tools" / "local_platform" / "bootstrap.py"), "--help"]
    completed = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=False
    )
    assert completed.returncode == 0, completed.stderr


def test_the_makefile_lists_its_targets() -> None:
    completed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in ("run", "demo", "test", "lint", "types", "stories", "bench", "audit"):
        assert f"make {target} " in completed.stdout
