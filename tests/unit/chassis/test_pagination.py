"""Cursors round-trip, and forged ones are a client error."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Integer, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from libs.chassis import db, pagination
from libs.chassis.pagination import decode_cursor, encode_cursor
from libs.chassis.problems import BadRequest
from libs.chassis.types import UtcDateTime


def raw(value: Any, of_list: str = "") -> str:
    """A forged cursor for the list outside a request."""
    if isinstance(value, list):
        value = [of_list, *value]
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_cursor_round_trips() -> None:
    values = [datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC), "prd_1", 7, None]
    cursor = encode_cursor(values)
    assert decode_cursor(cursor, 4) == values
    assert cursor.replace("-", "").replace("_", "").isalnum()


BAD = {
    "not base64": "!!",
    "not ASCII": "é",
    "not JSON": "abcd",
    "not a list": raw({"a": 1}),
    "another length": raw([1]),
    "not a key": raw([1, [2]]),
    "no time": raw([{"x": 1}, 1]),
    "bad time": raw([{"t": "yesterday"}, 1]),
    "time without zone": raw([{"t": "2026-03-01T12:00:00"}, 1]),
    "half a surrogate pair": raw(["\ud800", 1]),
    "deep": base64.urlsafe_b64encode(b"[" * 5000).decode(),
}


@pytest.mark.parametrize("cursor", BAD.values(), ids=BAD.keys())
def test_an_invalid_cursor_is_a_400_with_a_pointer(cursor: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_cursor(cursor, 2)
    assert caught.value.to_dict()["errors"][0]["pointer"] == "query/cursor"


def test_a_cursor_of_other_sort_keys_is_a_400() -> None:
    assert decode_cursor(raw([5, "a"]), 2, (int, str)) == [5, "a"]
    for other in (["a", "b"], [5, None], [True, "a"], [5, 6]):
        with pytest.raises(BadRequest):
            decode_cursor(raw(other), 2, (int, str))


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows"

    id: Mapped[str] = mapped_column(String(10), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


MOMENTS = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 2, 2, 3, 4, 5)]


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Row(id=f"r{n}", number=n // 2, at=time) for n, time in enumerate(MOMENTS))
        session.flush()
        token = db._current.set(session)
        yield session
        db._current.reset(token)


def _page(limit: int, cursor: str | None, order_by: pagination.Order) -> dict[str, Any]:
    return pagination.page(select(Row), order_by=order_by, limit=limit, cursor=cursor, dump=lambda row: row.id)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_all_pages_together_have_each_item_once(rows: Any, limit: int) -> None:
    order: pagination.Order = [(Row.at, "desc"), (Row.id, "asc")]
    found, cursor = [], None
    while True:
        response = _page(limit, cursor, order)
        found += response["items"]
        cursor = response["next_cursor"]
        if cursor is None:
            break
    assert found == ["r6", "r5", "r4", "r1", "r2", "r3", "r0"]


def test_items_added_before_the_cursor_do_not_move_the_next_page(rows: Any) -> None:
    order: pagination.Order = [(Row.number, "asc"), (Row.id, "asc")]
    first = _page(3, None, order)
    rows.add(Row(id="a0", number=0, at=MOMENTS[0]))
    rows.flush()
    assert _page(3, first["next_cursor"], order)["items"] == ["r3", "r4", "r5"]


@pytest.mark.parametrize(
    "values",
    [
        ["2026-03-01", "r1", 1],
        [1, "r1", 1],
        [None, "r1", 1],
        [{"t": "2026-03-01T00:00:00Z"}, {"t": "2026-03-01T00:00:00Z"}, 1],
        [{"t": "2026-03-01T00:00:00Z"}, "r1", 2**70],
        [{"t": "2026-03-01T00:00:00Z"}, "r1", "x"],
        [{"t": "0001-01-01T00:00:00+23:00"}, "r1", 1],
    ],
    ids=str,
)
def test_a_cursor_of_another_list_is_a_400(rows: Any, values: list[Any]) -> None:
    order: pagination.Order = [(Row.at, "desc"), (Row.id, "asc"), (Row.number, "asc")]
    with pytest.raises(BadRequest) as caught:
        _page(2, raw(values), order)
    assert caught.value.to_dict()["errors"][0]["pointer"] == "query/cursor"
