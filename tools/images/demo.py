"""The demo on a platform whose services run from images that went through a registry: pushed, pulled by digest."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from libs.chassis.service import NAMES
from tools.images import registry, rootfs
from tools.images.tools import CannotBuild, say
from tools.local_platform import from_images
from tools.local_platform.layout import ROOT, Layout

START_SECONDS = 180
TAG = "demo"


def play() -> int:
    """Play the demo; its exit code. The images must have been built."""
    with tempfile.TemporaryDirectory(prefix="reclothes-images-") as name, ExitStack() as stack:
        folder = Path(name)
        layout = Layout(folder / "run").on_free_ports()
        host = stack.enter_context(registry.running(folder / "registry", layout.port_base + 24))
        images = {}
        for service in NAMES:
            pushed = registry.push(service, host, TAG)
            registry.pull(pushed)
            size = registry.transferred_bytes(pushed) / 1e6
            say(f"{service}: pushed and pulled by {pushed.digest[:19]}…, {size:.0f} MB")
            images[service] = stack.enter_context(rootfs.mounted(pushed.by_digest))
        from_images.write(folder / "images.json", images)
        stack.enter_context(_platform(layout, folder))
        command = [sys.executable, "-m", "tools.local_platform.cli", "demo", "--run-dir", str(layout.run_dir)]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


@contextmanager
def _platform(layout: Layout, folder: Path) -> Iterator[None]:
    options = {
        "--run-dir": layout.run_dir,
        "--port-base": layout.port_base,
        "--external-port": layout.external_port,
        "--internal-port": layout.internal_port,
        "--images": folder / "images.json",
    }
    given = [str(part) for pair in options.items() for part in pair]
    out = folder / "run.log"
    with out.open("w") as file:
        command = [sys.executable, "-m", "tools.local_platform.cli", "run", *given]
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
        try:
            _wait(layout, process, out)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _wait(layout: Layout, process: subprocess.Popen[bytes], out: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (layout.run_dir / "ready").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotBuild(f"The platform did not come up from the images:\n{out.read_text()[-4000:]}")
        time.sleep(0.2)
