"""The lifecycles of customers and internal users."""

from __future__ import annotations

import pytest

from libs.chassis.state_machine import IllegalTransition
from services.auth.customers import rules as customer_rules
from services.auth.staff import rules as staff_rules


def test_a_customer_is_suspended_and_reinstated_after_verification() -> None:
    lifecycle = customer_rules.LIFECYCLE
    assert lifecycle.apply(lifecycle.initial, "verify") == "active"
    assert lifecycle.apply("active", "suspend") == lifecycle.apply("suspended", "suspend") == "suspended"
    assert lifecycle.apply("suspended", "reinstate") == "active"


@pytest.mark.parametrize(("state", "transition"), [("unverified", "suspend"), ("active", "reinstate")])
def test_a_transition_from_the_wrong_state_is_rejected(state: str, transition: str) -> None:
    with pytest.raises(IllegalTransition):
        customer_rules.LIFECYCLE.apply(state, transition)


def test_a_removed_internal_user_stays_removed() -> None:
    assert staff_rules.LIFECYCLE.final_states == {"removed"}
    assert staff_rules.LIFECYCLE.sources("remove") == ["invited", "active"]
