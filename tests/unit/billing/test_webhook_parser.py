"""Webhook events of the payment provider: any body is an event, an event that does not concern us, or refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.provider.webhook_parser import (
    MAX_AMOUNT,
    Dispute,
    InvalidEvent,
    WebhookEvent,
    parse_event,
)

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


def document(subject: Any) -> dict[str, Any]:
    return {"id": "evt_1", "type": "any.type", "data": {"object": subject}}


def event(intent_id: str = "pi_1", **details: Any) -> WebhookEvent:
    return WebhookEvent("evt_1", "any.type", intent_id, 4900, "EUR", **details)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (INTENT, event()),
        (REFUND, event(is_refund=True, refund_id="rfd_1")),
        (REFUND | {"metadata": None}, event(is_refund=True)),
        (
            DISPUTE | {"reason": None, "payment_intent": None},
            event("", dispute=Dispute("dp_1", "needs_response", "unknown")),
        ),
        ({"object": "charge", "id": ["anything"]}, None),
    ],
)
def test_documented_events_are_parsed(subject: dict[str, Any], expected: WebhookEvent | None) -> None:
    assert parse_event(document(subject)) == expected


@pytest.mark.parametrize(
    "subject",
    [
        INTENT | {"id": ["pi_1"]},
        INTENT | {"id": "p" * 101},
        INTENT | {"amount": "4900"},
        INTENT | {"amount": True},
        INTENT | {"amount": MAX_AMOUNT + 1},
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
    with pytest.raises(InvalidEvent, match=r"^/"):
        parse_event(document(subject))


@given(JSON)
def test_any_json_is_an_event_or_refused(json_value: Any) -> None:
    _assert_parsed_or_refused(json_value)


@given(st.sampled_from(SUBJECTS), st.data())
def test_any_json_anywhere_in_an_event_is_parsed_or_refused(subject: dict[str, Any], data: st.DataObject) -> None:
    changed = document(copy.deepcopy(subject))
    objects = [changed, changed["data"], changed["data"]["object"], changed["data"]["object"].get("metadata")]
    target = data.draw(st.sampled_from([one for one in objects if one]))
    name = data.draw(st.sampled_from(sorted(target)))
    if data.draw(st.booleans()):
        target[name] = data.draw(JSON)
    else:
        del target[name]
    _assert_parsed_or_refused(changed)


def _assert_parsed_or_refused(json_value: Any) -> None:
    """The values of a parsed event fit into the columns that store them."""
    try:
        parsed = parse_event(json.loads(json.dumps(json_value)))
    except InvalidEvent:
        return
    if parsed is None:
        return
    texts = [parsed.id, parsed.type, parsed.intent_id, parsed.currency, parsed.refund_id or ""]
    if parsed.dispute is not None:
        texts += [parsed.dispute.id, parsed.dispute.status, parsed.dispute.reason]
    assert all(isinstance(text, str) and len(text) <= 100 for text in texts)
    assert 0 <= parsed.amount <= MAX_AMOUNT
