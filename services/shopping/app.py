"""Builds the shopping service."""

from __future__ import annotations

from typing import Any

from libs.chassis import app
from libs.chassis.service import Service
from services.shopping import events, hold_store, models, photo_store, product_store
from services.shopping.settings import ShoppingSettings


def ensure_indexes() -> None:
    """Makes the indexes of DocumentDB that are not there yet."""
    product_store.ensure_product_indexes()
    hold_store.ensure_hold_indexes()
    photo_store.ensure_upload_indexes()


service = Service(
    name="shopping",
    settings_class=ShoppingSettings,
    metadata=models.Base.metadata,
    events=events.registry,
    on_start=ensure_indexes,
)


def create_app() -> Any:
    return app.create_app(service)
