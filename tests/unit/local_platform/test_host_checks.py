"""What is checked before anything starts: ports, and data that is complete."""

from __future__ import annotations

import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tools.local_platform import host_checks
from tools.local_platform.cli import main
from tools.local_platform.errors import DamagedFile, NoDiskSpace, PortInUse
from tools.local_platform.layout import HOST, Layout
from tools.project import SERVICES


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "run").on_free_ports()
    made.make_folders()
    return made


@pytest.fixture
def prepared(layout: Layout) -> Layout:
    """A run directory whose stores were filled by an earlier start."""
    for service in SERVICES:
        (layout.data_dir / "sqlite" / f"{service}.db").write_bytes(b"SQLite format 3")
    (layout.data_dir / "secantus" / "WiredTiger").write_text("WiredTiger")
    layout.prepared_marker.touch()
    return layout


@pytest.mark.parametrize(
    ("part", "option"),
    [("external", "--external-port"), ("internal", "--internal-port"), ("billing", "--port-base")],
)
def test_port_in_use_is_reported_with_the_option(layout: Layout, part: str, option: str) -> None:
    with socket.create_server((HOST, layout.port(part))), pytest.raises(PortInUse) as error:
        host_checks.check(layout)
    assert f"Port {layout.port(part)} ({part}) is already in use." in str(error.value)
    assert f"pass `{option}`" in str(error.value)


def test_full_disk_is_reported(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10 * 2**20})
    monkeypatch.setattr(host_checks.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(NoDiskSpace, match="--run-dir"):
        host_checks.check(layout)


def test_empty_and_complete_run_directories_are_accepted(layout: Layout, prepared: Layout) -> None:
    host_checks.check_data(prepared)
    shutil.rmtree(layout.data_dir)
    layout.make_folders()
    host_checks.check_data(layout)


def test_an_interrupted_first_start_is_completed_by_the_next(layout: Layout) -> None:
    (layout.data_dir / "sqlite" / "auth.db").write_bytes(b"SQLite format 3")
    host_checks.check_data(layout)


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["missing", "empty"])
@pytest.mark.parametrize("name", ["sqlite/auth.db", "sqlite/locker.db", "secantus/WiredTiger"])
def test_missing_store_is_reported_with_the_fix(
    prepared: Layout, name: str, lose: Callable[[Path], object]
) -> None:
    path = prepared.data_dir / name
    lose(path)
    with pytest.raises(DamagedFile) as error:
        host_checks.check_data(prepared)
    assert str(path) in str(error.value)
    assert f"delete {prepared.data_dir} to start again" in str(error.value)


def test_run_directory_is_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "run")
    (layout.data_dir / "stripe").mkdir(parents=True, mode=0o755)
    (layout.data_dir / "stripe" / "state.pickle").write_text("a card number")
    layout.make_folders()
    for path in layout.run_dir.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    layout = Layout(tmp_path / "run")
    layout.config_dir.mkdir(parents=True, mode=0o755)
    (layout.config_dir / "link").symlink_to(outside)
    (layout.config_dir / "dangling").symlink_to(tmp_path / "nothing")
    layout.make_folders()
    assert stat.S_IMODE(outside.stat().st_mode) == 0o755


def test_command_reports_a_problem_before_anything_starts(prepared: Layout) -> None:
    (prepared.data_dir / "sqlite" / "auth.db").unlink()
    options = {
        "--run-dir": prepared.run_dir,
        "--port-base": prepared.port_base,
        "--external-port": prepared.external_port,
        "--internal-port": prepared.internal_port,
    }
    arguments = [str(part) for option in options.items() for part in option]
    response = CliRunner().invoke(main, ["run", *arguments])
    assert response.exit_code == DamagedFile.exit_code
    assert response.output.startswith("Error: ")
    assert "auth.db is missing or empty" in response.output
    assert "Traceback" not in response.output
    assert not prepared.control_socket.exists()
