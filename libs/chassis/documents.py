"""DocumentDB (MongoDB protocol): the database of documents of the running service."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from libs.chassis.settings import SettingsError, settings


@lru_cache(maxsize=4)
def _database(url: str, ca_file: str | None) -> Any:
    import pymongo

    options: dict[str, Any] = {"tlsCAFile": ca_file} if "tls=true" in url and ca_file else {}
    client: Any = pymongo.MongoClient(
        url,
        # The driver's monitor looks every second and is its circuit breaker: a server that hangs for longer is not
        # chosen any more, and its connections are closed.
        serverSelectionTimeoutMS=1000,
        connectTimeoutMS=500,
        heartbeatFrequencyMS=1000,
        socketTimeoutMS=3000,
        retryWrites=False,  # DocumentDB has no retryable writes
        w="majority",  # what is acknowledged survives the loss of any one process
        journal=True,
        tz_aware=True,
        **options,
    )
    return client.get_default_database("shopping")


def mongo_database() -> Any:
    """The database that RECLOTHES_MONGO_URL names; pymongo errors when it is away."""
    url = settings().mongo_url
    if url is None:
        raise SettingsError("this service needs RECLOTHES_MONGO_URL")
    return _database(url, settings().ca_file)


# Errors of a command that the server refuses because of what we sent: BadValue, FailedToParse, TypeMismatch, dotted
# and dollar field names, DocumentValidationFailure, a document or key that is too large, a duplicate key.
_OUR_FAULTS = frozenset({2, 9, 14, 52, 57, 121, 10334, 11000, 11001, 12582, 17280})


def is_away(error: BaseException) -> bool:
    """Whether DocumentDB fails to do what it was rightly asked: no connection, no primary, a full disk, a panic.

    Its client is not loaded for the question.
    """
    errors: Any = sys.modules.get("pymongo.errors")
    if errors is None or not isinstance(error, errors.PyMongoError):
        return False
    if isinstance(error, errors.BulkWriteError):
        failed = (error.details or {}).get("writeErrors", ())
        return not any(one.get("code") in _OUR_FAULTS for one in failed)
    if isinstance(error, errors.OperationFailure):
        return error.code not in _OUR_FAULTS
    own = (errors.ConfigurationError, errors.InvalidOperation, errors.DocumentTooLarge, errors.InvalidURI)
    return not isinstance(error, own)
