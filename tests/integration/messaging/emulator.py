"""An emulator of SNS and SQS that a test can kill and start again on the same port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.servers import HOST, free_port


class Emulator:
    """Loses its state when it is killed, unlike SNS and SQS."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def start(self) -> None:
        environment = os.environ | {
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": "eu-central-1",
            "STATE_DIR": str(self._folder),
            "S3_DATA_DIR": str(self._folder),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
        }
        command = [str(Path(sys.executable).parent / "ministack")]
        output = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((HOST, self._port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill it with SIGKILL, so that it saves nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
