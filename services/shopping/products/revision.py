"""The revision of all products: a value in ElastiCache that every change of a product replaces.

What was read from products is current as long as the revision is the one that was read before.
"""

from __future__ import annotations

import uuid
from typing import Any

from redis import exceptions

from libs.chassis.cache import redis_client
from libs.chassis.logs import get_logger

KEY = "products:revision"


def get_revision() -> str | None:
    """The current revision; None while ElastiCache is unavailable."""
    try:
        revision: Any = redis_client().get(KEY)
        if revision is None:
            redis_client().set(KEY, uuid.uuid4().hex, nx=True)
            revision = redis_client().get(KEY)
    except exceptions.RedisError:
        return None
    return None if revision is None else str(revision)


def replace_revision() -> None:
    """Called after every change of a product. A sale does not fail because ElastiCache is unavailable."""
    try:
        redis_client().set(KEY, uuid.uuid4().hex)
    except exceptions.RedisError as error:
        get_logger(__name__).warning("product revision not replaced", reason=type(error).__name__)
