"""Events of the payment provider: whatever its shape, a body is a notice, no business of ours, or refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.provider_notices import LARGEST_AMOUNT, Dispute, NotAnEvent, Notice, notice_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
INTENT = {"object": "payment_intent", "id": "pi_1", "amount": 4900, "currency": "eur"}
REFUND = INTENT | {"object": "refund", "id": "re_1", "payment_intent": "pi_1", "metadata": {"refund_id": "rfd_1"}}
DISPUTE = INTENT | {
    "object": "dispute",
    "id": "dp_1",
    "payment_intent": "pi_1",
    "status": "needs_response",
    "reason": "fraudulent",
}
SUBJECTS = (INTENT, REFUND, DISPUTE)


def event(subject: Any) -> dict[str, Any]:
    return {"id": "evt_1", "type": "any.type", "data": {"object": subject}}


@pytest.mark.parametrize(
    ("subject", "notice"),
    [
        (INTENT, Notice("evt_1", "any.type", "pi_1", 4900, "EUR")),
        (REFUND, Notice("evt_1", "any.type", "pi_1", 4900, "EUR", is_refund=True, refund_id="rfd_1")),
        (REFUND | {"metadata": None}, Notice("evt_1", "any.type", "pi_1", 4900, "EUR", is_refund=True)),
        (
            DISPUTE | {"reason": None, "payment_intent": None},
            Notice("evt_1", "any.type", "", 4900, "EUR", dispute=Dispute("dp_1", "needs_response", "unknown")),
        ),
        ({"object": "charge", "id": ["anything"]}, None),
    ],
)
def test_an_event_says_what_the_provider_documents(subject: dict[str, Any], notice: Notice | None) -> None:
    assert notice_of(event(subject)) == notice


@pytest.mark.parametrize(
    "subject",
    [
        INTENT | {"id": ["pi_1"]},
        INTENT | {"id": "p" * 101},
        INTENT | {"amount": "4900"},
        INTENT | {"amount": True},
        INTENT | {"amount": LARGEST_AMOUNT + 1},
        INTENT | {"amount": 10**400},
        INTENT | {"currency": "euro"},
        {"object": "payment_intent"},
        REFUND | {"metadata": {"refund_id": {}}},
        REFUND | {"metadata": []},
        DISPUTE | {"status": None},
        {"object": ["payment_intent"]},
        [],
        None,
    ],
)
def test_another_shape_is_refused_with_its_place(subject: Any) -> None:
    with pytest.raises(NotAnEvent, match=r"^/"):
        notice_of(event(subject))


@given(JSON)
def test_any_json_is_an_event_or_refused(document: Any) -> None:
    _is_handled(document)


@given(st.sampled_from(SUBJECTS), st.data())
def test_any_json_in_any_place_of_an_event_is_read_or_refused(subject: dict[str, Any], data: st.DataObject) -> None:
    document = event(copy.deepcopy(subject))
    places = [document, document["data"], document["data"]["object"], document["data"]["object"].get("metadata")]
    place = data.draw(st.sampled_from([place for place in places if place]))
    name = data.draw(st.sampled_from(sorted(place)))
    if data.draw(st.booleans()):
        place[name] = data.draw(JSON)
    else:
        del place[name]
    _is_handled(document)


def _is_handled(document: Any) -> None:
    """The rows that a notice makes have room for what it says."""
    try:
        notice = notice_of(json.loads(json.dumps(document)))
    except NotAnEvent:
        return
    if notice is None:
        return
    texts = [notice.event_id, notice.type, notice.intent_id, notice.currency, notice.refund_id or ""]
    if notice.dispute is not None:
        texts += [notice.dispute.id, notice.dispute.status, notice.dispute.reason]
    assert all(isinstance(text, str) and len(text) <= 100 for text in texts)
    assert 0 <= notice.amount <= LARGEST_AMOUNT
