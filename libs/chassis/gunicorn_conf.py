"""Gunicorn's settings for every service: TLS only, uvicorn workers, JSON logs. All from the environment."""

import ctypes
import importlib
import os
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1

bind = os.environ["RECLOTHES_BIND"]
certfile = os.environ["RECLOTHES_TLS_CERT"]
keyfile = os.environ["RECLOTHES_TLS_KEY"]
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
worker_class = "uvicorn_worker.UvicornWorker"
timeout = 30
graceful_timeout = 5
keepalive = 75
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = "warning"
if workers > 1:
    # Imported here once, before the workers fork; each builds its application for itself, with its own connections.
    importlib.import_module("libs.chassis.app")
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 a heartbeat file


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker ends at once with a master that is killed; else it would keep the port (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
