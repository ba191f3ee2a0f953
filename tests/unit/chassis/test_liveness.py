"""The liveness probe."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from libs.chassis import liveness


def probe(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["alive", *arguments])
    return liveness.main()


def test_a_worker_is_alive_while_its_heartbeat_is_recent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    beat = tmp_path / "heartbeat"
    monkeypatch.setenv("RECLOTHES_HEARTBEAT_FILE", str(beat))
    assert probe(monkeypatch, "worker") == 1
    assert "no heartbeat file" in capsys.readouterr().err
    beat.touch()
    assert probe(monkeypatch, "worker") == 0
    old = time.time() - 60
    os.utime(beat, (old, old))
    assert probe(monkeypatch, "worker") == 1
    assert "60 s ago" in capsys.readouterr().err


def test_a_web_process_that_does_not_respond_is_not_alive(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECLOTHES_BIND", "127.0.0.1:9")
    assert probe(monkeypatch, "web") == 1
    assert "/livez does not respond" in capsys.readouterr().err


def test_an_unknown_kind_of_process_prints_the_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probe(monkeypatch, "gateway") == 2
    assert "web|worker" in capsys.readouterr().err
