"""Builds the shopping service."""

from __future__ import annotations

from pymongo.errors import PyMongoError

from libs.chassis.logs import get_logger
from libs.chassis.service import Service
from services.shopping import events, tables
from services.shopping.holds.hold_store import ensure_hold_indexes
from services.shopping.photos.upload_store import ensure_upload_indexes
from services.shopping.products.product_store import ensure_product_indexes
from services.shopping.search.spelling import ensure_spelling_indexes
from services.shopping.settings import ShoppingSettings


def ensure_indexes() -> None:
    """Create the missing indexes of DocumentDB; while it is unavailable, the next start does."""
    try:
        ensure_product_indexes()
        ensure_spelling_indexes()
        ensure_hold_indexes()
        ensure_upload_indexes()
    except PyMongoError as error:
        get_logger(__name__).warning("indexes not checked", reason=type(error).__name__)


service = Service(
    name="shopping",
    settings_class=ShoppingSettings,
    metadata=tables.Base.metadata,
    events=events.registry,
    on_start=ensure_indexes,
    # Products are in DocumentDB and carts in ElastiCache, so browsing and carts work without the database.
    works_without_database=True,
)
