"""Builds the shopping service."""

from __future__ import annotations

from pymongo.errors import PyMongoError

from libs.chassis.logs import get_logger
from libs.chassis.service import Service
from services.shopping import consistency, hold_store, models, photo_store, product_store, vocabulary
from services.shopping.settings import ShoppingSettings


def ensure_indexes() -> None:
    """Makes the indexes of DocumentDB that are not there yet; without DocumentDB the next start does it."""
    try:
        product_store.ensure_product_indexes()
        vocabulary.ensure_vocabulary_indexes()
        hold_store.ensure_hold_indexes()
        photo_store.ensure_upload_indexes()
    except PyMongoError as error:
        get_logger(__name__).warning("indexes not checked", reason=type(error).__name__)


service = Service(
    name="shopping",
    settings_class=ShoppingSettings,
    metadata=models.Base.metadata,
    events=consistency.registry,
    on_start=ensure_indexes,
    # Products are in DocumentDB and carts in ElastiCache: to browse and to fill a cart needs no MySQL.
    works_without_database=True,
)
