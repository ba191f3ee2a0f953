"""The demo on a platform whose services run from images that were pushed to a registry and pulled by digest."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tools.images import registry, rootfs
from tools.images.buildah import print_progress
from tools.local_platform import from_images, temporary
from tools.local_platform.layout import Layout
from tools.project import ROOT, SERVICES

TAG = "demo"


def play() -> int:
    """Play the demo and return its exit code; the images must have been built."""
    with tempfile.TemporaryDirectory(prefix="reclothes-images-") as name, ExitStack() as stack:
        folder = Path(name)
        layout = Layout(folder / "run", images=str(folder / "images.json")).on_free_ports()
        host = stack.enter_context(registry.running(folder / "registry"))
        images = {}
        for service in SERVICES:
            pushed = registry.push(service, host, TAG)
            registry.pull(pushed)
            size = registry.transferred_bytes(pushed) / 1e6
            print_progress(f"{service}: pushed and pulled by {pushed.digest[:19]}…, {size:.0f} MB")
            images[service] = stack.enter_context(rootfs.mounted(pushed.by_digest))
        from_images.write(folder / "images.json", images)
        stack.enter_context(temporary.running(layout))
        command = [sys.executable, "-m", "tools.local_platform.cli", "demo", "--run-dir", str(layout.run_dir)]
        return subprocess.run(command, cwd=ROOT, check=False).returncode
