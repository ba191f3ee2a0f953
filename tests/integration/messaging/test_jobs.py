"""Periodic jobs run in one worker at a time, also after a failed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from libs.chassis import cache, settings
from libs.chassis.events import Job
from libs.chassis.migrations import migrate
from libs.chassis.settings import ROOT
from libs.chassis.worker import Scheduler
from tests.integration.messaging.conftest import Platform, do, effects, eventually


def test_a_job_runs_periodically_in_its_own_transaction(quick_platform: Platform) -> None:
    @quick_platform.admin.every(seconds=0.05)
    def sweep() -> None:
        do("swept")

    with quick_platform.working():
        eventually(lambda: len(effects()) >= 3, "three runs")


def test_a_failing_job_is_rolled_back_and_runs_again(quick_platform: Platform) -> None:
    runs: list[int] = []

    @quick_platform.admin.every(seconds=0.05)
    def sweep() -> None:
        runs.append(1)
        do(f"run {len(runs)}")
        if len(runs) < 3:
            raise RuntimeError("no")

    with quick_platform.working():
        eventually(effects, "the run that succeeds")
    assert effects()[0] == "run 3"


def test_a_job_is_claimed_by_one_of_two_workers(quick_platform: Platform) -> None:
    assert cache.claim("job:admin:count", seconds=60)
    assert not cache.claim("job:admin:count", seconds=60)
    assert cache.claim("job:admin:other", seconds=60)


def test_a_claim_ends_with_its_time(quick_platform: Platform) -> None:
    assert cache.claim("job:admin:short", seconds=0.001)
    eventually(lambda: cache.claim("job:admin:short", seconds=60), "the end of the claim")


def test_a_job_that_another_worker_has_claimed_does_not_run(quick_platform: Platform) -> None:
    runs: list[int] = []
    stop = threading.Event()
    cache.claim("job:admin:sweep", seconds=60)
    thread = threading.Thread(target=Scheduler("admin", Job("sweep", 0.02, lambda: runs.append(1)), stop).run)
    free = threading.Thread(target=Scheduler("admin", Job("free", 0.02, lambda: runs.append(2)), stop).run)
    for started in (thread, free):
        started.start()
    eventually(lambda: runs.count(2) >= 3, "the runs of the job that is free")
    stop.set()
    for started in (thread, free):
        started.join()
    assert 1 not in runs


def test_jobs_run_while_redis_is_unavailable(quick_platform: Platform) -> None:
    @quick_platform.admin.every(seconds=0.05)
    def sweep() -> None:
        do("swept")

    with settings.overridden(redis_url="redis://127.0.0.1:9/0"), quick_platform.working():
        eventually(effects, "a run")


def test_a_worker_writes_its_heartbeat_and_stops_on_sigterm(quick_platform: Platform, tmp_path: Path) -> None:
    heartbeat = tmp_path / "heartbeat"
    database = f"sqlite:///{tmp_path / 'admin.db'}"
    migrate("admin", database)
    variables = {
        "RECLOTHES_DATABASE_URL": database,
        "RECLOTHES_HEARTBEAT_FILE": str(heartbeat),
        "ADMIN_PHOTO_BUCKET": "check-photos",
    }
    command = [sys.executable, "-m", "libs.chassis", "worker", "admin", "--with-relay"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | variables)
    try:
        eventually(heartbeat.exists, "the heartbeat")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
