"""Starts ministack, the emulator of SQS, SNS and S3, and saves its queues and topics every second.

Ministack itself saves them only on a graceful stop; S3 objects are on disk immediately. A killed emulator loses the
messages of the last second, unlike SQS and SNS; `emulator_recovery.py` repairs that after the restart.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from ministack import app
from ministack.core import persistence

SAVED = ("sqs", "sns")
SECONDS = 1.0
START_SECONDS = 60.0


def save_queues_and_topics() -> None:
    """Save the present state; one that changes while it is read is saved the next time."""
    states = app._build_persistence_save_dict()
    persistence.save_all({name: states[name] for name in SAVED if name in states})


def keep_saving() -> None:
    while True:
        time.sleep(SECONDS)
        try:
            save_queues_and_topics()
        except Exception:
            logging.getLogger(__name__).exception("queues and topics are not saved")


def recover() -> None:
    """Run `emulator_recovery.py` in a process of its own, once the emulator responds."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((os.environ["BIND_HOST"], int(os.environ["GATEWAY_PORT"])), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            subprocess.run([sys.executable, "-m", "tools.local_platform.emulator_recovery"], check=False)
            return


def main() -> None:
    # Exists while the emulator runs, so a start that finds it follows a kill.
    marker = Path(os.environ["STATE_DIR"]) / "running"
    if marker.exists():
        threading.Thread(target=recover, name="recover", daemon=True).start()
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    threading.Thread(target=keep_saving, name="save", daemon=True).start()
    with suppress(SystemExit):  # raised on SIGTERM
        app.main()
    marker.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
