"""Gunicorn's settings for every service, from the environment: TLS only, uvicorn workers, JSON logs.

The master builds the application once and forks its workers, so that a worker that exits is replaced within a
fraction of a second. Nothing may connect before the fork: each worker runs the start-up code of its service.
"""

import ctypes
import gc
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
preload_app = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 a heartbeat file


def when_ready(_server: Any) -> None:
    """Exclude the application's objects from garbage collection, so that workers share their pages (gc.freeze)."""
    gc.collect()
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    """End with a master that is killed; a remaining worker would keep the port (prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def post_worker_init(_worker: Any) -> None:
    from libs.chassis.service import running_service

    running_service().start()
