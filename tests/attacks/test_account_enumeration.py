"""Neither the content nor the duration of a response shows whether an account with an address exists.

Two kinds of requests are timed alternately, so that other load affects both. A difference counts when it is
significant in a permutation test and large: one kind is nearly always slower than the other by some milliseconds.
"""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.attacks.gateways import UnthrottledGateway, unused_address
from tests.support.platform import RunningPlatform
from tools.demo.people import DEMO_PASSWORD, Mailbox, verification_token

SAMPLES = 60
WARM_UP = 4
MANY_CUSTOMERS = 22
KNOWN_ADDRESS = "donor@reclothes.example"
Json = dict[str, Any]


def unknown_address() -> str:
    return f"{uuid.uuid4().hex}@attacks.example"


def dominance(first: Sequence[float], second: Sequence[float]) -> float:
    """The probability that one of `second` is larger than one of `first` (Mann-Whitney U over its maximum)."""
    larger = sum((b > a) + 0.5 * (b == a) for a in first for b in second)
    return larger / (len(first) * len(second))


def permutation_p(first: Sequence[float], second: Sequence[float], rounds: int = 2000) -> float:
    """The probability of medians at least this far apart by chance (two-sided permutation test)."""
    shuffler = random.Random(1)
    observed = abs(statistics.median(first) - statistics.median(second))
    combined = [*first, *second]
    at_least_as_far = 0
    for _ in range(rounds):
        shuffler.shuffle(combined)
        halves = combined[: len(first)], combined[len(first) :]
        at_least_as_far += abs(statistics.median(halves[0]) - statistics.median(halves[1])) >= observed
    return (at_least_as_far + 1) / (rounds + 1)


@dataclass(frozen=True)
class Comparison:
    """The durations of requests for unknown and for known addresses, in seconds."""

    unknown: Sequence[float]
    known: Sequence[float]

    @property
    def is_significant(self) -> bool:
        """Whether a few requests are enough to recognize a known address by the durations."""
        p, share = permutation_p(self.unknown, self.known), dominance(self.unknown, self.known)
        return p < 0.001 and not 0.15 < share < 0.85 and self.shift_seconds > 0.005

    @property
    def shift_seconds(self) -> float:
        return abs(statistics.median(self.unknown) - statistics.median(self.known))

    def __str__(self) -> str:
        medians = [statistics.median(times) * 1000 for times in (self.unknown, self.known)]
        share, p = dominance(self.unknown, self.known), permutation_p(self.unknown, self.known)
        return f"medians {medians[0]:.1f} ms and {medians[1]:.1f} ms, dominance {share:.2f}, p {p:.4f}"


def send_timed(send: Callable[[], httpx.Response]) -> tuple[float, httpx.Response]:
    started = time.perf_counter()
    response = send()
    return time.perf_counter() - started, response


def compare(
    send_unknown: Callable[[], httpx.Response], send_known: Callable[[], httpx.Response]
) -> tuple[Comparison, list[httpx.Response]]:
    """Send both alternately, in random order within each pair; compare durations after warming up."""
    times: tuple[list[float], list[float]] = ([], [])
    responses = []
    order = random.Random(7)
    for number in range(SAMPLES + WARM_UP):
        both = [(0, send_unknown), (1, send_known)]
        order.shuffle(both)
        for which, send in both:
            seconds, response = send_timed(send)
            responses.append(response)
            if number >= WARM_UP:
                times[which].append(seconds)
    return Comparison(*times), responses


def distinct_responses(responses: Sequence[httpx.Response]) -> set[tuple[int, str, tuple[str, ...]]]:
    """The distinct responses, without what identifies the request."""
    return {
        (
            response.status_code,
            response.text.replace(response.headers["x-request-id"], ""),
            tuple(sorted(name for name in response.headers if name != "retry-after")),
        )
        for response in responses
    }


class RequestSender:
    """Sends requests from addresses that change before too many failures are counted for one."""

    def __init__(self, gateway: UnthrottledGateway, path: str) -> None:
        self._gate, self._path = gateway, path
        self._sent = 0
        self._client = gateway.client(address=unused_address())

    def __call__(self, body: Json) -> httpx.Response:
        if self._sent == 30:
            self.close()
            self._client, self._sent = self._gate.client(address=unused_address()), 0
            self._client.get("/locker/v1/locations")  # opens the connection before the measurement
        self._sent += 1
        return self._client.post(self._path, json=body)

    def close(self) -> None:
        self._client.close()


def test_a_log_in_does_not_reveal_whether_the_account_exists(external: UnthrottledGateway) -> None:
    log_in = RequestSender(external, "/auth/v1/logins")
    attempts = 0

    def wrong_password_send_known() -> httpx.Response:
        nonlocal attempts
        if attempts == 4:  # a successful log-in resets the failures of the account
            attempts = 0
            with external.client(address=unused_address()) as owner:
                assert owner.post(
                    "/auth/v1/logins", json={"user_name": KNOWN_ADDRESS, "password": DEMO_PASSWORD}
                ).is_success
        attempts += 1
        return log_in({"user_name": KNOWN_ADDRESS, "password": "wrong-password-1"})

    def wrong_password_send_unknown() -> httpx.Response:
        return log_in({"user_name": unknown_address(), "password": "wrong-password-1"})

    comparison, responses = compare(wrong_password_send_unknown, wrong_password_send_known)
    log_in.close()
    assert {response.status_code for response in responses} == {401}
    assert len(distinct_responses(responses)) == 1
    assert not comparison.is_significant, str(comparison)


def test_a_registration_does_not_reveal_whether_the_account_exists(external: UnthrottledGateway) -> None:
    register = RequestSender(external, "/auth/v1/registrations")

    def registration(address: str) -> httpx.Response:
        consents = [{"purpose": "terms"}]
        return register({"email": address, "password": "a-Long-passw0rd", "full_name": "R", "consents": consents})

    comparison, responses = compare(lambda: registration(unknown_address()), lambda: registration(KNOWN_ADDRESS))
    register.close()
    assert {response.status_code for response in responses} == {202}
    assert len(distinct_responses(responses)) == 1
    assert not comparison.is_significant, str(comparison)


@pytest.fixture
def active_customers(external: UnthrottledGateway, platform: RunningPlatform) -> list[str]:
    """Addresses of customers who have received hardly any mails."""
    addresses = [f"known.{uuid.uuid4().hex}@attacks.example" for _ in range(MANY_CUSTOMERS)]
    with external.client(address=unused_address()) as client:
        for address in addresses:
            consents = [{"purpose": "terms"}]
            body = {"email": address, "password": "a-Long-passw0rd", "full_name": "R", "consents": consents}
            assert client.post("/auth/v1/registrations", json=body).status_code == 202
        for address in addresses:
            link = verification_token(Mailbox(platform.maildir).wait_for_mail(address, "confirm"))
            assert client.post("/auth/v1/email-verifications", json={"token": link}).status_code == 204
    return addresses


def test_a_password_reset_does_not_reveal_whether_the_account_exists(
    external: UnthrottledGateway, active_customers: list[str], platform: RunningPlatform
) -> None:
    """Each account gets three resets only, because further mails are suppressed."""
    reset = RequestSender(external, "/auth/v1/password-resets")
    addresses = iter(active_customers * 3)
    comparison, responses = compare(
        lambda: reset({"email": unknown_address()}), lambda: reset({"email": next(addresses)})
    )
    reset.close()
    assert {response.status_code for response in responses} == {202}
    assert len(distinct_responses(responses)) == 1
    assert Mailbox(platform.maildir).wait_for_mail(active_customers[0], "password")  # resets were really sent
    assert not comparison.is_significant, str(comparison)


def test_the_statistics_detect_large_differences_only() -> None:
    chance = random.Random(3)
    base = [chance.gauss(0.1, 0.01) for _ in range(SAMPLES)]
    again = [chance.gauss(0.1, 0.01) for _ in range(SAMPLES)]
    slower = [chance.gauss(0.13, 0.01) for _ in range(SAMPLES)]
    assert not Comparison(base, again).is_significant
    assert Comparison(base, slower).is_significant
    assert Comparison(slower, base).is_significant
