"""The files that images are made from, without making one."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

from libs.chassis.service import NAMES
from libs.chassis.settings import ROOT
from tools.images.locks import COMMON_EXTRAS, FOLDER, requirements


def test_dockerfile_passes_hadolint() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    completed = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.lock")), ids=lambda path: path.stem)
def test_locks_are_part_of_the_project_lock(path: Path) -> None:
    """With the same version and hashes; `make lock` writes both."""
    everything = requirements((ROOT / "requirements.lock").read_text())
    for name, block in requirements(path.read_text()).items():
        assert "--hash=sha256:" in block
        if path.stem == "tools" and name == "pip":
            continue  # of the images only
        [version, hashes] = [set(re.findall(pattern, block)) for pattern in (r"==([^ ;]+)", r"sha256:\w+")]
        assert version == set(re.findall(r"==([^ ;]+)", everything[name])), f"{name}: run `make lock`"
        assert hashes == set(re.findall(r"sha256:\w+", everything[name])), name


def required_packages(*lists: str) -> set[str]:
    return {
        re.split(r"[\[><=;]", line, maxsplit=1)[0].strip().lower().replace("_", "-")
        for text in lists
        for line in text.splitlines()
        if line.strip() and not line.startswith("#")
    }


@pytest.mark.parametrize("service", NAMES)
def test_locks_have_the_packages_of_setup_cfg(service: str) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    common = set(requirements((FOLDER / "chassis.lock").read_text()))
    own = set(requirements((FOLDER / f"{service}.lock").read_text()))
    assert (
        required_packages(config["options"]["install_requires"], *(extras[name] for name in COMMON_EXTRAS))
        <= common
    )
    assert required_packages(extras[service]) <= common | own, f"run `make lock`: {service}'s extra has changed"
    assert not common & own
