"""The kinds of orders for which boxes are held, by the prefix of their id."""

from __future__ import annotations

DONATION = "dor_"
PURCHASE = "bor_"
DONATION_RETURN = "rdo_"
BUYING_RETURN = "rbo_"

DEPOSITED = (DONATION, BUYING_RETURN)  # a customer puts the clothes into the box, a deliveryman collects them
SHIPPED = (PURCHASE, DONATION_RETURN)  # a deliveryman puts the package into the box, a customer picks it up
