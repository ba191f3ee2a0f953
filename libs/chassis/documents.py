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


def is_away(error: BaseException) -> bool:
    """Whether an error says that DocumentDB does not answer; its client is not loaded for the question."""
    errors: Any = sys.modules.get("pymongo.errors")
    return errors is not None and isinstance(error, errors.ConnectionFailure)
