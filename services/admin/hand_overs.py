"""Hand-overs of bad clothes to recycling factories (story d-po-05)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from libs.chassis import audit, clock
from libs.chassis.db import session
from libs.chassis.problems import Conflict, NotFound, Unprocessable
from services.admin.models import Factory, HandOver, Package
from services.admin.registry import registry


class NotForRecycling(Conflict):
    slug, title = (
        "not-for-recycling",
        "Only packages that were checked as bad, and are still here, can be handed over",
    )


class FactoryClosed(Conflict):
    slug, title = "factory-closed", "That factory takes nothing now"


class UnknownInHandOver(Unprocessable):
    slug, title = "unknown-in-hand-over", "The hand-over names something that does not exist"


def record(hand_over_id: str, factory_id: str, package_ids: Sequence[str], note: str | None, by: str) -> HandOver:
    """Bad packages leave for a factory, each once; UnknownInHandOver, FactoryClosed, NotForRecycling."""
    known = session().get(HandOver, hand_over_id)
    if known is not None:
        return known
    factory = _open_factory(factory_id)
    packages = _bad_packages(package_ids)
    hand_over = HandOver(
        id=hand_over_id,
        factory_id=factory.id,
        factory_name=factory.name,
        note=note,
        recorded_by=by,
        created_at=clock.now(),
    )
    session().add(hand_over)
    hand_over.packages = packages
    session().flush()
    order_ids = [package.order_id for package in packages]
    announce(hand_over, order_ids)
    audit.record("record_hand_over", hand_over.id, after={"factory": factory.id, "orders": order_ids})
    return hand_over


def get(hand_over_id: str) -> HandOver:
    found = session().get(HandOver, hand_over_id)
    if found is None:
        raise NotFound("there is no such hand-over")
    return found


def _open_factory(factory_id: str) -> Factory:
    factory = session().get(Factory, factory_id)
    if factory is None:
        raise _unknown("/factory_id", "there is no such factory")
    if not factory.is_active:
        raise FactoryClosed(f"choose another factory than {factory.name}")
    return factory


def _bad_packages(package_ids: Sequence[str]) -> list[Package]:
    """The packages, locked in one order for everybody."""
    wanted = select(Package).where(Package.id.in_(package_ids)).order_by(Package.id).with_for_update()
    found = list(session().scalars(wanted, execution_options={"populate_existing": True}))
    missing = set(package_ids) - {package.id for package in found}
    if missing:
        position = next(at for at, package_id in enumerate(package_ids) if package_id in missing)
        raise _unknown(f"/package_ids/{position}", "there is no such package")
    for package in found:
        refuse_unless_recyclable(package)
    return found


def refuse_unless_recyclable(package: Package) -> None:
    """NotForRecycling, unless the package was checked as bad and is still here."""
    if package.result != "bad":
        raise NotForRecycling(f"{package.id} was checked as {package.result or 'nothing yet'}")
    if package.hand_over_id is not None:
        raise NotForRecycling(f"{package.id} left with {package.hand_over_id}")


def _unknown(pointer: str, detail: str) -> UnknownInHandOver:
    return UnknownInHandOver(detail, errors=[{"pointer": pointer, "detail": detail}])


def announce(hand_over: HandOver, order_ids: Sequence[str]) -> None:
    """Publish that these of its orders have left for a factory."""
    data = {
        "hand_over_id": hand_over.id,
        "factory_id": hand_over.factory_id,
        "factory_name": hand_over.factory_name,
        "order_ids": list(order_ids),
        "at": clock.rfc3339(hand_over.created_at),
    }
    registry.publish("admin.handover.recorded.v1", subject=hand_over.id, data=data)
