"""The write concern of DocumentDB, and the errors that mean that it is unavailable."""

from __future__ import annotations

import pytest
from pymongo import errors

from libs.chassis import documents
from libs.chassis.documents import is_unavailable


@pytest.mark.parametrize(
    "error",
    [
        errors.ServerSelectionTimeoutError("no server"),
        errors.AutoReconnect("lost"),
        errors.NetworkTimeout("slow"),
        errors.NotPrimaryError("stepped down"),
        errors.ExecutionTimeout("slow"),
        errors.WriteConcernError("not enough nodes", 64),
        errors.OperationFailure("internal error: No space left on device", 1),
        errors.OperationFailure("panicked"),
        errors.OperationFailure("WT_PANIC: WiredTiger library panic", -31804),
        errors.OperationFailure("OutOfDiskSpace", 14031),
        errors.CursorNotFound("restarted", 43),
        errors.BulkWriteError({"writeErrors": [{"code": 8}]}),
        errors.ProtocolError("cut off"),
    ],
)
def test_errors_that_mean_that_documentdb_is_unavailable(error: Exception) -> None:
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.DuplicateKeyError("taken", 11000),
        errors.WriteError("bad value", 2),
        errors.OperationFailure("unknown operator", 9),
        errors.OperationFailure("an index has another name", 86),
        errors.OperationFailure("pipeline stage is not supported", 40324),
        errors.BulkWriteError({"writeErrors": [{"code": 8}, {"code": 11000}]}),
        errors.DocumentTooLarge("17 MB"),
        errors.InvalidOperation("closed"),
        ValueError("another error"),
    ],
)
def test_errors_of_our_own_do_not_mean_unavailable(error: Exception) -> None:
    assert not is_unavailable(error)


def test_writes_are_acknowledged_when_they_are_durable() -> None:
    database = documents._database("mongodb://documents.test:27017/shopping?retryWrites=false", None)
    assert database.write_concern.document == {"w": "majority", "j": True}
    database.client.close()


class Topology:
    """The state of one server as the driver's monitor reports it."""

    error: Exception | None = None

    def server_descriptions(self) -> dict[str, Topology]:
        return {"documents.test": self}


def test_the_circuit_follows_the_monitor_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    topology, monitor = Topology(), documents._monitor("mongodb://documents.test")
    assert not monitor.is_down(topology)
    topology.error = errors.NetworkTimeout("no heartbeat")
    assert not monitor.is_down(topology), "the first calls wait for a server"
    monkeypatch.setattr(documents, "SELECTION_SECONDS", 0.0)
    assert monitor.is_down(topology)
    topology.error = None
    assert not monitor.is_down(topology)
