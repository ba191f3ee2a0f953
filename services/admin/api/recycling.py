"""Recycling factories, and what is handed over to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.etags import etag_of, require_match_if_sent
from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.security import principal
from services.admin import factories, hand_overs
from services.admin.models import Factory, HandOver
from services.admin.schemas import FactorySchema, HandOverSchema


def list_factories(is_active: bool | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    wanted = select(Factory)
    if is_active is not None:
        wanted = wanted.where(Factory.is_active == is_active)
    newest_first: Any = [(Factory.created_at, "desc"), (Factory.id, "desc")]
    return page(wanted, order_by=newest_first, limit=limit, cursor=cursor, dump=FactorySchema().dump)


def create_factory(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    factory = factories.create(stable_id("fac"), body["name"], body["address"], body.get("email"))
    headers = {"Location": f"/admin/v1/factories/{factory.id}", "ETag": etag_of(factory.version)}
    return dict(FactorySchema().dump(factory)), 201, headers


def get_factory(factory_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    factory = factories.get(factory_id)
    return dict(FactorySchema().dump(factory)), 200, {"ETag": etag_of(factory.version)}


def update_factory(factory_id: str, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    factory = factories.get(factory_id)
    require_match_if_sent(factory.version)
    factories.change(factory, body)
    return dict(FactorySchema().dump(factory)), 200, {"ETag": etag_of(factory.version)}


def list_hand_overs(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    return page(
        select(HandOver),
        order_by=[(HandOver.created_at, "desc"), (HandOver.id, "desc")],
        limit=limit,
        cursor=cursor,
        dump=HandOverSchema().dump,
    )


def record_hand_over(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    hand_over = hand_overs.record(
        stable_id("hov"), body["factory_id"], body["package_ids"], body.get("note"), principal().subject
    )
    return dict(HandOverSchema().dump(hand_over)), 201, {"Location": f"/admin/v1/hand-overs/{hand_over.id}"}


def get_hand_over(hand_over_id: str) -> dict[str, Any]:
    return dict(HandOverSchema().dump(hand_overs.get(hand_over_id)))
