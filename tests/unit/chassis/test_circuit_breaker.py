"""Circuit breakers: which errors count, trial calls, and results of older epochs."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pymysql.err
import pytest
from botocore import exceptions
from sqlalchemy.exc import TimeoutError as PoolTimeout

from libs.chassis import circuit_breaker, database_engine
from libs.chassis.circuit_breaker import Circuit, guarded


class Outage(Exception):
    pass


class Refusal(Exception):
    pass


class Elsewhere(Exception):
    """An error that says nothing about the dependency."""


def classify(error: BaseException) -> bool | None:
    return None if isinstance(error, Elsewhere) else isinstance(error, Outage)


def call(circuit: Circuit, error: BaseException | None = None) -> None:
    with guarded(circuit, Refusal):
        if error is not None:
            raise error


@pytest.fixture
def circuit() -> Circuit:
    return circuit_breaker.breaker("a test", classify)


@pytest.fixture
def half_open(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> Circuit:
    """An open circuit that allows one trial call."""
    circuit.set(is_open=True)
    monkeypatch.setattr(circuit, "reset_seconds", 0.0)
    return circuit


def fail(circuit: Circuit, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Outage):
            call(circuit, Outage())


def test_a_circuit_opens_after_consecutive_failures(circuit: Circuit) -> None:
    fail(circuit, circuit_breaker.FAILURES - 1)
    call(circuit)
    fail(circuit, circuit_breaker.FAILURES)
    with pytest.raises(Refusal):
        call(circuit)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), GeneratorExit(), Elsewhere()])
def test_errors_of_another_cause_neither_reset_nor_close_a_circuit(
    circuit: Circuit, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(circuit, circuit_breaker.FAILURES - 1)
    with pytest.raises(type(error)):
        call(circuit, error)
    fail(circuit, 1)
    assert circuit.is_open
    monkeypatch.setattr(circuit, "reset_seconds", 0.0)
    with pytest.raises(type(error)):
        call(circuit, error)
    assert circuit.is_open
    call(circuit)
    assert not circuit.is_open, "the trial was free again"


def test_an_open_circuit_allows_one_trial_of_many_threads(half_open: Circuit) -> None:
    begun, finish = threading.Event(), threading.Event()

    def trial() -> None:
        with guarded(half_open, Refusal):
            begun.set()
            finish.wait(timeout=10)

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(trial)
        begun.wait(timeout=10)
        others = [pool.submit(call, half_open) for _ in range(6)]
        assert all(isinstance(other.exception(timeout=10), Refusal) for other in others)
        finish.set()
        first.result(timeout=10)
    call(half_open)


def test_a_failed_trial_keeps_the_circuit_open(half_open: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(half_open, 1)
    monkeypatch.setattr(half_open, "reset_seconds", 60.0)
    with pytest.raises(Refusal):
        call(half_open)


def test_results_of_an_older_epoch_are_ignored(circuit: Circuit, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = [circuit.admit() for _ in range(10)]
    fail(circuit, circuit_breaker.FAILURES)
    circuit.record(epochs.pop() or 0, failed=False)
    assert circuit.is_open, "a late success does not close it"
    monkeypatch.setattr(circuit, "reset_seconds", 0.0)
    call(circuit)
    for epoch in epochs:
        circuit.record(epoch or 0, failed=True)
    assert not circuit.is_open, "late failures do not open it again"


def client_error(status: int, code: str) -> exceptions.ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(response, "SendMessage")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (exceptions.EndpointConnectionError(endpoint_url="https://sqs.test"), True),
        (exceptions.ReadTimeoutError(endpoint_url="https://sqs.test"), True),
        (client_error(500, "InternalFailure"), True),
        (client_error(400, "ThrottlingException"), True),
        (client_error(403, "AccessDenied"), False),
        (client_error(400, "InvalidParameterValue"), False),
        (TypeError("is not JSON serializable"), None),
    ],
)
def test_errors_that_mean_that_aws_is_unavailable(error: Exception, counts: bool | None) -> None:
    assert circuit_breaker.is_aws_outage(error) is counts


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (PoolTimeout("QueuePool limit reached"), True),
        (pymysql.err.OperationalError(2003, "no connection"), True),
        (pymysql.err.OperationalError(2013, "lost connection"), True),
        (pymysql.err.OperationalError(1205, "lock wait timeout"), False),
        (pymysql.err.IntegrityError(1062, "duplicate entry"), False),
    ],
)
def test_errors_that_mean_that_the_database_is_unavailable(error: Exception, counts: bool) -> None:
    assert database_engine._is_unreachable(error) is counts
