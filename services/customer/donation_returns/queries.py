"""Returns of donations read from the database: one of them, or a page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from libs.chassis.db import locked_scalar, session
from libs.chassis.pagination import page
from libs.chassis.problems import NotFound
from services.customer.donation_returns.schemas import DonationReturnSchema
from services.customer.donation_returns.tables import DonationReturn

WITH_TIMELINE = selectinload(DonationReturn.timeline)


def find(return_id: str, *, locked: bool = False) -> DonationReturn | None:
    """The return with its timeline; `locked` until the end of the unit of work."""
    statement = select(DonationReturn).where(DonationReturn.id == return_id).options(WITH_TIMELINE)
    return locked_scalar(statement) if locked else session().scalar(statement)


def get_own(return_id: str, donor_id: str, *, locked: bool = False) -> DonationReturn:
    """A return of this donor. NotFound for another donor's return too."""
    donation_return = find(return_id, locked=locked)
    if donation_return is None or donation_return.donor_id != donor_id:
        raise NotFound
    return donation_return


def list_page(limit: int, cursor: str | None, state: str | None, donor_id: str | None) -> dict[str, Any]:
    """A page of returns of donations, newest first, as JSON."""
    statement = select(DonationReturn).options(WITH_TIMELINE)
    if donor_id is not None:
        statement = statement.where(DonationReturn.donor_id == donor_id)
    if state is not None:
        statement = statement.where(DonationReturn.state == state)
    newest_first: Any = [(DonationReturn.created_at, "desc"), (DonationReturn.id, "desc")]
    dump = DonationReturnSchema().dump
    return page(statement, order_by=newest_first, limit=limit, cursor=cursor, dump=dump)
