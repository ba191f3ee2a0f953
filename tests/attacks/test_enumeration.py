"""Whether an address is known cannot be told by the answer, nor by how long it takes.

Two kinds of requests are timed in turns, so that whatever else the machine does meets both. A difference counts
when a permutation test says that it is no chance and it is large: the one kind is nearly always slower than the
other, by some milliseconds.
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

from tests.attacks.gateways import OpenGate, fresh_address
from tests.support.platform import RunningPlatform
from tools.demo.people import DEMO_PASSWORD, Mailbox, verification_token

SAMPLES = 60
WARM_UP = 4
MANY_CUSTOMERS = 22
KNOWN = "donor@reclothes.example"
Json = dict[str, Any]


def unknown() -> str:
    return f"{uuid.uuid4().hex}@attacks.example"


def dominance(first: Sequence[float], second: Sequence[float]) -> float:
    """How likely one of `second` is larger than one of `first` (Mann-Whitney's U over its maximum); 0.5: alike."""
    larger = sum((b > a) + 0.5 * (b == a) for a in first for b in second)
    return larger / (len(first) * len(second))


def permutation_p(first: Sequence[float], second: Sequence[float], rounds: int = 2000) -> float:
    """How often chance alone gives medians as far apart as these (two-sided)."""
    shuffler = random.Random(1)
    seen = abs(statistics.median(first) - statistics.median(second))
    together = [*first, *second]
    as_far = 0
    for _ in range(rounds):
        shuffler.shuffle(together)
        halves = together[: len(first)], together[len(first) :]
        as_far += abs(statistics.median(halves[0]) - statistics.median(halves[1])) >= seen
    return (as_far + 1) / (rounds + 1)


@dataclass(frozen=True)
class Comparison:
    """What the times of two kinds of requests, in seconds, say about them."""

    unknown: Sequence[float]
    known: Sequence[float]

    @property
    def is_telling(self) -> bool:
        """Whether a clear difference would let somebody tell a known address with a few requests."""
        p, share = permutation_p(self.unknown, self.known), dominance(self.unknown, self.known)
        return p < 0.001 and not 0.15 < share < 0.85 and self.shift_seconds > 0.005

    @property
    def shift_seconds(self) -> float:
        return abs(statistics.median(self.unknown) - statistics.median(self.known))

    def __str__(self) -> str:
        medians = [statistics.median(times) * 1000 for times in (self.unknown, self.known)]
        share, p = dominance(self.unknown, self.known), permutation_p(self.unknown, self.known)
        return f"medians {medians[0]:.1f} ms and {medians[1]:.1f} ms, dominance {share:.2f}, p {p:.4f}"


def timed(ask: Callable[[], httpx.Response]) -> tuple[float, httpx.Response]:
    begun = time.perf_counter()
    answer = ask()
    return time.perf_counter() - begun, answer


def compare(
    of_unknown: Callable[[], httpx.Response], of_known: Callable[[], httpx.Response]
) -> tuple[Comparison, list[httpx.Response]]:
    """Ask both in turns, in a random order within each pair; the times after warming up, and all answers."""
    times: tuple[list[float], list[float]] = ([], [])
    answers = []
    order = random.Random(7)
    for number in range(SAMPLES + WARM_UP):
        both = [(0, of_unknown), (1, of_known)]
        order.shuffle(both)
        for which, ask in both:
            seconds, answer = timed(ask)
            answers.append(answer)
            if number >= WARM_UP:
                times[which].append(seconds)
    return Comparison(*times), answers


def alike(answers: Sequence[httpx.Response]) -> set[tuple[int, str, tuple[str, ...]]]:
    """What the answers say, without what is of each request alone."""
    return {
        (
            answer.status_code,
            answer.text.replace(answer.headers["x-request-id"], ""),
            tuple(sorted(name for name in answer.headers if name != "retry-after")),
        )
        for answer in answers
    }


class Asker:
    """Sends requests from an address that changes before its failures are counted against it."""

    def __init__(self, gate: OpenGate, path: str) -> None:
        self._gate, self._path = gate, path
        self._asked = 0
        self._client = gate.client(address=fresh_address())

    def __call__(self, body: Json) -> httpx.Response:
        if self._asked == 30:
            self.close()
            self._client, self._asked = self._gate.client(address=fresh_address()), 0
            self._client.get("/locker/v1/locations")  # the connection's setup is not timed
        self._asked += 1
        return self._client.post(self._path, json=body)

    def close(self) -> None:
        self._client.close()


def test_a_log_in_does_not_tell_whether_the_address_is_known(external: OpenGate) -> None:
    log_in = Asker(external, "/auth/v1/logins")
    tried = 0

    def wrong_password_of_known() -> httpx.Response:
        nonlocal tried
        if tried == 4:  # a right password ends the account's count of failures
            tried = 0
            with external.client(address=fresh_address()) as owner:
                assert owner.post(
                    "/auth/v1/logins", json={"user_name": KNOWN, "password": DEMO_PASSWORD}
                ).is_success
        tried += 1
        return log_in({"user_name": KNOWN, "password": "wrong-password-1"})

    def wrong_password_of_unknown() -> httpx.Response:
        return log_in({"user_name": unknown(), "password": "wrong-password-1"})

    compared, answers = compare(wrong_password_of_unknown, wrong_password_of_known)
    log_in.close()
    assert {answer.status_code for answer in answers} == {401}
    assert len(alike(answers)) == 1
    assert not compared.is_telling, str(compared)


def test_a_registration_does_not_tell_whether_the_address_is_known(external: OpenGate) -> None:
    register = Asker(external, "/auth/v1/registrations")

    def registration(address: str) -> httpx.Response:
        consents = [{"purpose": "terms"}]
        return register({"email": address, "password": "a-Long-passw0rd", "full_name": "R", "consents": consents})

    compared, answers = compare(lambda: registration(unknown()), lambda: registration(KNOWN))
    register.close()
    assert {answer.status_code for answer in answers} == {202}
    assert len(alike(answers)) == 1
    assert not compared.is_telling, str(compared)


@pytest.fixture
def active_customers(external: OpenGate, platform: RunningPlatform) -> list[str]:
    """The addresses of customers to whom next to nothing was written yet."""
    addresses = [f"known.{uuid.uuid4().hex}@attacks.example" for _ in range(MANY_CUSTOMERS)]
    with external.client(address=fresh_address()) as client:
        for address in addresses:
            consents = [{"purpose": "terms"}]
            body = {"email": address, "password": "a-Long-passw0rd", "full_name": "R", "consents": consents}
            assert client.post("/auth/v1/registrations", json=body).status_code == 202
        for address in addresses:
            link = verification_token(Mailbox(platform.maildir).wait_for_mail(address, "confirm"))
            assert client.post("/auth/v1/email-verifications", json={"token": link}).status_code == 204
    return addresses


def test_a_password_reset_does_not_tell_whether_the_address_is_known(
    external: OpenGate, active_customers: list[str], platform: RunningPlatform
) -> None:
    """Each is asked for three times only: later mails would not be sent, and look like none."""
    reset = Asker(external, "/auth/v1/password-resets")
    turns = iter(active_customers * 3)
    compared, answers = compare(lambda: reset({"email": unknown()}), lambda: reset({"email": next(turns)}))
    reset.close()
    assert {answer.status_code for answer in answers} == {202}
    assert len(alike(answers)) == 1
    assert Mailbox(platform.maildir).wait_for_mail(active_customers[0], "password")  # it was worth asking
    assert not compared.is_telling, str(compared)


def test_the_statistics_see_a_clear_difference_and_no_small_one() -> None:
    chance = random.Random(3)
    base = [chance.gauss(0.1, 0.01) for _ in range(SAMPLES)]
    again = [chance.gauss(0.1, 0.01) for _ in range(SAMPLES)]
    slower = [chance.gauss(0.13, 0.01) for _ in range(SAMPLES)]
    assert not Comparison(base, again).is_telling
    assert Comparison(base, slower).is_telling
    assert Comparison(slower, base).is_telling
