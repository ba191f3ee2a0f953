"""Problems, money, ids, the clock and the messaging topology."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from libs.chassis import clock, problems, topology, worker
from libs.chassis.events import Event, EventRegistry
from libs.chassis.ids import new_id, uuid7
from libs.chassis.money import Money, is_currency, sum_money
from libs.chassis.problems import Conflict, Problem, TooManyRequests, Unauthenticated, Unavailable


class OutOfStock(Conflict):
    slug, title = "out-of-stock", "It is sold"


def test_a_problem_document_has_type_status_instance_and_its_extensions() -> None:
    problem = OutOfStock("another buyer was faster", errors=[{"pointer": "/id", "detail": "sold"}], product_id="p1")
    assert problem.to_dict("req-1") == {
        "type": problems.TYPE_BASE + "out-of-stock",
        "title": "It is sold",
        "status": 409,
        "detail": "another buyer was faster",
        "instance": "urn:reclothes:request:req-1",
        "errors": [{"pointer": "/id", "detail": "sold"}],
        "product_id": "p1",
    }


def test_the_detail_of_a_problem_defaults_to_its_title() -> None:
    document = OutOfStock().to_dict()
    assert document["detail"] == "It is sold"
    assert "instance" not in document
    assert "errors" not in document


@pytest.mark.parametrize(
    ("problem", "header", "value"),
    [
        (Unauthenticated(), "WWW-Authenticate", 'Bearer realm="reclothes"'),
        (Unauthenticated(headers={"WWW-Authenticate": "Basic"}), "WWW-Authenticate", "Basic"),
        (TooManyRequests(retry_after=9), "Retry-After", "9"),
        (Unavailable(), "Retry-After", "2"),
    ],
)
def test_problems_have_the_headers_of_their_status(problem: Problem, header: str, value: str) -> None:
    assert problem.headers[header] == value


def test_adding_money_of_two_currencies_raises() -> None:
    assert Money(1999, "EUR") + Money(1, "EUR") == Money(2000, "EUR")
    with pytest.raises(ValueError, match="USD"):
        Money(1, "EUR") + Money(1, "USD")
    with pytest.raises(ValueError, match="USD"):
        sum_money([Money(1, "USD")], "EUR")


def test_the_sum_of_nothing_is_zero() -> None:
    assert sum_money([], "EUR") == Money(0, "EUR")
    assert sum_money([Money(5, "EUR"), Money(7, "EUR")], "EUR") == Money(12, "EUR")


@pytest.mark.parametrize(
    ("money", "locale", "text"),
    [
        (Money(490_000, "EUR"), "en", "€4,900.00"),
        (Money(490_000, "JPY"), "en", "¥490,000"),
        (Money(490_000, "HUF"), "en", "HUF 4,900.00"),
        (Money(490_000, "TND"), "en", "TND 490.000"),
        (Money(490_000, "EUR"), "de", "4.900,00 €"),
        (Money(490_000, "JPY"), "de", "490.000 ¥"),
        (Money(490_000, "HUF"), "de", "4.900,00 HUF"),
        (Money(490_000, "TND"), "de", "490,000 TND"),
        (Money(1_234_567, "EUR"), "pt-PT", "12 345,67 €"),
        (Money(490_000, "JPY"), "pt-PT", "490 000 JP¥"),
        (Money(490_000, "HUF"), "pt-PT", "4 900,00 HUF"),
        (Money(490_000, "TND"), "pt-PT", "490,000 TND"),
        (Money(490_000, "EUR"), "ja", "€4,900.00"),
        (Money(490_000, "JPY"), "ja", "￥490,000"),
        (Money(490_000, "HUF"), "ja", "HUF 4,900.00"),
        (Money(490_000, "TND"), "ja", "TND 490.000"),
        (Money(490_000, "CAD"), "en", "CA$4,900.00"),
        (Money(-4900, "HUF"), "en", "-HUF 49.00"),
        (Money(4900, "HUF"), "bn", "49.00 HUF"),
        (Money(4900, "QQQ"), "en", "QQQ 4,900"),
        (Money(4900, "EUR"), "tlh", "€49.00"),
    ],
)
def test_money_has_the_decimals_of_its_currency_and_the_symbols_of_its_locale(
    money: Money, locale: str, text: str
) -> None:
    assert money.format(locale).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize("code", ["QQQ", "XXX", "XAU", "DEM", "eur", "EURO", ""])
def test_only_currencies_with_a_minor_unit_are_valid(code: str) -> None:
    assert not is_currency(code)
    assert is_currency("EUR")


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00 EUR"), (5, "0.05 EUR"), (-5, "-0.05 EUR"), (-125_000, "-1,250.00 EUR")]
)
def test_negative_money_is_formatted(amount: int, text: str) -> None:
    assert str(Money(amount, "EUR")) == text


def test_money_round_trips_through_json() -> None:
    assert Money.from_dict(Money(4900, "EUR").to_dict()) == Money(4900, "EUR")


def test_ids_carry_their_prefix_and_sort_by_time() -> None:
    made = []
    for _ in range(5):
        made.append(new_id("prd"))
        time.sleep(0.002)
    assert made == sorted(made)
    assert all(identifier.startswith("prd_") and len(identifier) == 36 for identifier in made)


def test_uuid7_has_version_7_and_its_time_of_rfc_9562() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(200)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == 200
    for one in made:
        assert one.version == 7
        assert one.variant == "specified in RFC 4122"
        assert before <= one.int >> 80 <= after


def test_the_clock_stands_still_only_inside_freeze() -> None:
    noon = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    with clock.freeze(noon):
        assert clock.now() == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        assert clock.now().utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(seconds=5)
    with pytest.raises(ValueError, match="with a zone"), clock.freeze(datetime(2026, 3, 1)):  # noqa: DTZ001
        pass


def test_times_are_rfc_3339_in_utc() -> None:
    moment = datetime(2026, 3, 1, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert clock.rfc3339(moment) == "2026-03-01T12:00:00.000000Z"
    assert clock.rfc3339(None) is None


def test_the_retry_delay_grows_up_to_its_maximum() -> None:
    for receives, longest in ((1, 1), (2, 2), (4, 8), (8, 128), (9, 256), (20, 300), (200, 300)):
        delays = {worker.retry_delay(receives) for _ in range(50)}
        assert min(delays) >= max(1, round(longest * 0.75))
        assert max(delays) <= round(longest * 1.25)


@pytest.mark.usefixtures("chosen")
def test_the_topology_is_derived_from_the_event_registry() -> None:
    registry = EventRegistry("billing")

    def ignore(_event: Event) -> None: ...

    for event_type in ("shopping.b.v1", "shopping.a.v1", "auth.user.registered.v1"):
        registry.handles(event_type)(ignore)
    registry.consumes("refunds")(lambda _message: None)
    registry.consumes("mail")(lambda _message: None)
    found = topology.describe(registry)
    assert found.topics == (
        "unit-auth-events",
        "unit-billing-events",
        "unit-notifications",
        "unit-shopping-events",
    )
    assert found.queues == ("unit-billing-inbox", "unit-billing-mail", "unit-billing-refunds")
    assert found.subscriptions == (
        topology.Subscription("unit-auth-events", "unit-billing-inbox", "type", ("auth.user.registered.v1",)),
        topology.Subscription(
            "unit-shopping-events", "unit-billing-inbox", "type", ("shopping.a.v1", "shopping.b.v1")
        ),
        topology.Subscription("unit-notifications", "unit-billing-mail", "channel", ("email",)),
    )


@pytest.mark.usefixtures("chosen")
def test_a_service_without_handlers_has_a_topic_and_an_inbox() -> None:
    found = topology.describe(EventRegistry("locker"))
    assert found == topology.Topology(("unit-locker-events",), ("unit-locker-inbox",), ())
