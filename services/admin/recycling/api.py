"""Recycling factories, and handovers of bad clothes to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from libs.chassis.etags import etag_of, require_match_if_sent
from libs.chassis.idempotency import stable_id
from libs.chassis.pagination import page
from libs.chassis.queries import filter_by
from libs.chassis.security import principal
from services.admin.recycling import factories, handovers
from services.admin.recycling.schemas import FactorySchema, HandoverSchema
from services.admin.recycling.tables import Factory, Handover


def list_factories(is_active: bool | None = None, limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    statement = filter_by(select(Factory), {Factory.is_active: is_active})
    newest_first: Any = [(Factory.created_at, "desc"), (Factory.id, "desc")]
    return page(statement, order_by=newest_first, limit=limit, cursor=cursor, dump=FactorySchema().dump)


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
    factories.update(factory, body)
    return dict(FactorySchema().dump(factory)), 200, {"ETag": etag_of(factory.version)}


def list_handovers(limit: int = 20, cursor: str | None = None) -> dict[str, Any]:
    newest_first: Any = [(Handover.created_at, "desc"), (Handover.id, "desc")]
    return page(select(Handover), order_by=newest_first, limit=limit, cursor=cursor, dump=HandoverSchema().dump)


def record_handover(body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, str]]:
    handover = handovers.record(
        stable_id("hov"), body["factory_id"], body["package_ids"], body.get("note"), principal().subject
    )
    return dict(HandoverSchema().dump(handover)), 201, {"Location": f"/admin/v1/handovers/{handover.id}"}


def get_handover(handover_id: str) -> dict[str, Any]:
    return dict(HandoverSchema().dump(handovers.get(handover_id)))
