"""Returns of donations read from the database."""

from __future__ import annotations

from sqlalchemy.orm import selectinload

from services.customer.donation_returns.schemas import DonationReturnSchema
from services.customer.donation_returns.tables import DonationReturn
from services.customer.records import Records

donation_returns = Records(
    DonationReturn,
    owner=DonationReturn.donor_id,
    parts=(selectinload(DonationReturn.timeline),),
    schema=DonationReturnSchema(),
    sort_orders={"newest": [(DonationReturn.created_at, "desc"), (DonationReturn.id, "desc")]},
)
