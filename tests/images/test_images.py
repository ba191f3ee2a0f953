"""What is in an image, what is not, and that it runs."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tools.images import build, registry
from tools.images.build import Image, Source
from tools.images.buildah import buildah
from tools.images.locks import FOLDER, requirements
from tools.images.registry import Pushed
from tools.local_platform import credentials, environment, from_images
from tools.local_platform.from_images import USER, MountedImage
from tools.local_platform.layout import HOST, Layout

SERVICES = ("locker", "billing")
MOST_PUSHED_BYTES = 130_000_000
MOST_UNPACKED_BYTES = 330_000_000  # 36 MB of it are the locales of Babel
NOT_INSIDE = ("gcc", "cc", "make", "pip", "pip3", "apt-get", "git", "curl", "wget", "uv", "hadolint")


def inside(root: MountedImage, *program: str) -> subprocess.CompletedProcess[str]:
    command = root.command_of(program)
    return subprocess.run(command, env=root.variables, capture_output=True, text=True, check=False, timeout=60)


def installed(root: MountedImage) -> dict[str, str]:
    """The Python packages in the image, as its own Python finds them."""
    code = (
        "import json, importlib.metadata as m;"
        "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    found: dict[str, str] = json.loads(inside(root, "python3", "-c", code).stdout)
    return {name.replace(".", "-"): version for name, version in found.items()}


def test_builds_are_reproducible(built: dict[str, Image]) -> None:
    again = build.build("locker", fresh=True)
    assert again.layers == built["locker"].layers
    assert again.config == built["locker"].config


def test_services_share_layers(built: dict[str, Image]) -> None:
    locker, billing = (built[service].layers for service in SERVICES)
    shared = [one for one, other in zip(locker, billing, strict=True) if one == other]
    assert len(shared) >= 3, "the base, and what the chassis needs"
    assert locker[: len(shared)] == tuple(shared)


@pytest.mark.parametrize("service", SERVICES)
def test_image_sizes(service: str, built: dict[str, Image], pushed: dict[str, Pushed]) -> None:
    assert registry.transferred_bytes(pushed[service]) < MOST_PUSHED_BYTES
    assert built[service].bytes < MOST_UNPACKED_BYTES


@pytest.mark.parametrize("service", SERVICES)
def test_labels_of_images(service: str, pushed: dict[str, Pushed], made_of: Source) -> None:
    config = json.loads(buildah("inspect", "--type", "image", pushed[service].by_digest))["Docker"]["config"]
    assert config["User"] == f"{USER}:{USER}"
    assert config["Healthcheck"]["Test"] == ["CMD", "python3", "-m", "libs.chassis.liveness", "web"]
    assert config["Cmd"] == ["serve"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == f"reclothes-{service}"
    assert labels["version"] == made_of.version
    assert labels["revision"] == made_of.revision
    assert labels["created"] == made_of.created
    secret = [entry for entry in config["Env"] if "SECRET" in entry or "PASSWORD" in entry or "://" in entry]
    assert secret == []


@pytest.mark.parametrize("service", SERVICES)
def test_images_contain_no_installers_and_no_setuid_programs(service: str, roots: dict[str, MountedImage]) -> None:
    root = roots[service]
    assert inside(root, "sh", "-c", "; ".join(f"command -v {name}" for name in NOT_INSIDE)).stdout == ""
    for module in ("pip", "setuptools", "ensurepip", "pytest", "moto"):
        assert "ModuleNotFoundError" in inside(root, "python3", "-c", f"import {module}").stderr, module
    assert inside(root, "id", "-u").stdout.strip() == str(USER)
    may_become_another = ["find", "/", "-xdev", "-type", "f", "-perm", "/6000"]
    assert inside(root, *may_become_another).stdout == ""


@pytest.mark.parametrize("service", SERVICES)
def test_only_tmp_is_writable(service: str, roots: dict[str, MountedImage]) -> None:
    for folder in ("/", "/app", "/opt/reclothes", "/etc", "/var/tmp"):
        assert "Read-only file system" in inside(roots[service], "touch", f"{folder}/x").stderr, folder
    assert inside(roots[service], "touch", "/tmp/x").returncode == 0


@pytest.mark.parametrize("service", SERVICES)
def test_images_contain_only_their_own_packages_and_code(service: str, roots: dict[str, MountedImage]) -> None:
    locked = {
        name.replace(".", "-")
        for lock in ("chassis", service)
        for name in requirements((FOLDER / f"{lock}.lock").read_text())
    }
    found = installed(roots[service])
    assert set(found) <= locked
    assert {"connexion", "sqlalchemy", "gunicorn"} <= set(found)
    assert ("stripe" in found) == (service == "billing")
    assert sorted(path.name for path in Path(roots[service].root, "app/services").glob("[a-z]*")) == [service]
    assert sorted(path.name for path in Path(roots[service].root, "app/libs").glob("[a-z]*")) == ["chassis"]


@pytest.mark.parametrize("service", SERVICES)
def test_bill_of_materials_lists_the_installed_packages(service: str, roots: dict[str, MountedImage]) -> None:
    document = json.loads(Path(roots[service].root, "opt/reclothes/sbom.cdx.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    listed: dict[str, dict[str, str]] = {"pypi": {}, "deb": {}}
    for component in document["components"]:
        kind = component["purl"].removeprefix("pkg:").partition("/")[0]
        listed[kind][component["name"].lower().replace("_", "-").replace(".", "-")] = component["version"]
    assert listed["pypi"] == installed(roots[service])
    assert {"libc6", "libssl3", "python3-11"} <= set(listed["deb"])
    assert "perl-modules-5-36" not in listed["deb"]


@contextmanager
def served(root: MountedImage, layout: Layout) -> Iterator[subprocess.Popen[bytes]]:
    """The image's web process on a database that its own migration made."""
    own = credentials.ensure(layout)
    from_images.grant_access(layout)
    settings = root.variables | environment.service_settings(layout, own, "locker")
    settings |= {name: root.variables[name] for name in ("PATH", "HOME")}
    folders: dict[str, Any] = {
        "read": from_images.readable_folders(layout),
        "write": from_images.writable_folders(layout),
    }
    only = {"RECLOTHES_DATABASE_URL": settings["RECLOTHES_DATABASE_URL"]}
    for _ in range(2):  # twice is once
        subprocess.run(root.command(["migrate"], **folders), env=root.variables | only, check=True, timeout=60)
    process = subprocess.Popen(root.command(["serve"], **folders), env=settings)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def get_document(layout: Layout, path: str) -> dict[str, Any]:
    context = ssl.create_default_context(cafile=str(layout.ca_file))
    url = f"https://{HOST}:{layout.port('locker')}{path}"
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=3, context=context) as found:
                document: dict[str, Any] = json.load(found)
                return document
        except OSError:
            assert time.monotonic() < deadline, f"{path} does not respond"
            time.sleep(0.2)


def test_service_runs_from_its_image(roots: dict[str, MountedImage], run_folder: Path) -> None:
    layout = Layout(run_folder).on_free_ports()
    with served(roots["locker"], layout) as process:
        assert get_document(layout, "/livez") == {"status": "ok"}
        assert get_document(layout, "/readyz")["checks"] == {"database": "ok", "clock": "ok"}
        status = Path(f"/proc/{process.pid}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert set(fields["Uid"].split()) == {str(USER)}
        assert int(fields["CapEff"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
        bind = {"RECLOTHES_BIND": f"{HOST}:{layout.port('locker')}"}
        probe = roots["locker"].command_of(["python3", "-m", "libs.chassis.liveness", "web"])
        assert subprocess.run(probe, env=roots["locker"].variables | bind, check=False, timeout=30).returncode == 0
    completed = subprocess.run(
        probe, env=roots["locker"].variables | bind, capture_output=True, text=True, check=False, timeout=30
    )
    assert completed.returncode == 1
    assert "/livez does not respond" in completed.stderr
