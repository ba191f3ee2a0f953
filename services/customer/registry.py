"""The customer service's registry of events; the modules that `events.py` imports fill it."""

from libs.chassis.events import EventRegistry

registry = EventRegistry("customer")
registry.publishes(
    "customer.profile.changed.v1",
    "customer.buying_order.placed.v1",
    "customer.buying_order.paid.v1",
    "customer.buying_order.expired.v1",
    "customer.buying_order.state_changed.v1",
    "customer.buying_order.pick_up_due.v1",
    "customer.buying_order.picked_up_after_end.v1",
    "customer.return_buying_order.state_changed.v1",
    "customer.donating_order.state_changed.v1",
    "customer.return_donating_order.state_changed.v1",
    "customer.audit.recorded.v1",
)
