"""Request smuggling: whatever two servers could read as one request or as two, nobody's next request is touched.

Each attack is followed, on the same connection, by an honest request. What was hidden in the first would end the
session of the attacker's own token; it must still be alive afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.attacks.gateways import OpenGate
from tools.demo.people import Customer

HIDDEN = "DELETE /auth/v1/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
HONEST = "GET /shopping/v1/products?limit=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
START = "POST /auth/v1/email-verifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = '{"token": "nothing-that-was-ever-sent"}'


@pytest.fixture(scope="module")
def attacker(external: OpenGate, buyer_token: str) -> str:
    """A token whose session the hidden request would end."""
    return buyer_token


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def is_alive(gate: OpenGate, token: str) -> bool:
    with gate.client(token=token) as client:
        return client.get("/auth/v1/session").status_code == 200


def attack(gate: OpenGate, token: str, first: str) -> list[int]:
    """Send an attack and an honest request behind it: the statuses of all that was answered."""
    return statuses(gate.raw(f"{first}{HONEST}".encode("latin1"), answers=10))


def hidden(token: str) -> str:
    return HIDDEN.format(token=token) + "\r\n"


REFUSED_FRAMINGS = [
    "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{hidden}",
    "Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{hidden}",
    "Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}",
    "Content-Length: {length}, 0\r\n\r\n{hidden}",
    "Content-Length: +{length}\r\n\r\n{hidden}",
    "Content-Length: -1\r\n\r\n{hidden}",
    "Content-Length: 0x{length}\r\n\r\n{hidden}",
    "Content-Length: 1 0\r\n\r\n{hidden}",
    "Content-Length : {length}\r\n\r\n{hidden}",
    "Content-Length: 0\x0b{length}\r\n\r\n{hidden}",
    "Content-Length: 99999999999999999999\r\n\r\n{hidden}",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: identity\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n-1\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n 0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF0\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n1\nZ\n0\n\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n1\r\nZZ\r\n0\r\n\r\n{hidden}",
    "X-A: b\x00\r\nContent-Length: 0\r\n\r\n{hidden}",
]


@pytest.mark.parametrize("framing", REFUSED_FRAMINGS)
def test_a_body_whose_end_is_not_certain_is_refused_with_all_behind_it(
    external: OpenGate, attacker: str, framing: str
) -> None:
    secret = hidden(attacker)
    answered = attack(external, attacker, START + framing.format(length=len(secret), hidden=secret))
    assert answered in ([400], [501]), "one refusal, and the connection is ended"
    assert is_alive(external, attacker)


ONE_READING = [
    "Content-Length: {length}\r\n\r\n{hidden}",
    "Content-Length: {length} \t\r\n\r\n{hidden}",
    "Content-Length:\t{length}\r\n\r\n{hidden}",
    "Content-Length: 00{length}\r\n\r\n{hidden}",
    "X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{hidden}",
    "X-A: b\rTransfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{hidden}",
    "X-Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n{hidden}",
    "Transfer-Encoding: chunked\r\n\r\n{chunk}\r\n{hidden}\r\n0\r\n\r\n",
    "Transfer-Encoding: Chunked\r\n\r\n{chunk}\r\n{hidden}\r\n0\r\n\r\n",
    "Transfer-Encoding: \tchunked \r\n\r\n{chunk}\r\n{hidden}\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n{chunk};name=value\r\n{hidden}\r\n0\r\n\r\n",
    'Transfer-Encoding: chunked\r\n\r\n{chunk};a="b;c"\r\n{hidden}\r\n0\r\n\r\n',
    "Transfer-Encoding: chunked\r\n\r\n000{chunk}\r\n{hidden}\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n{chunk}\r\n{hidden}\r\n0\r\nAuthorization: x\r\n\r\n",
]


@pytest.mark.parametrize("framing", ONE_READING)
def test_what_stands_in_a_body_stays_in_it(external: OpenGate, attacker: str, framing: str) -> None:
    """The hidden request is the body, so it is no JSON; the honest one behind it is answered for itself."""
    secret = hidden(attacker)
    filled = framing.format(length=len(secret), chunk=f"{len(secret):x}", hidden=secret)
    answered = attack(external, attacker, START + filled)
    assert answered in ([400], [400, 200])
    assert is_alive(external, attacker)


def test_the_body_of_a_request_that_has_none_by_its_method_is_no_request(external: OpenGate, attacker: str) -> None:
    secret = hidden(attacker)
    for path in ("/shopping/v1/products?limit=1", "/auth/v1/session", "/nothing"):
        first = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(secret)}\r\n\r\n{secret}"
        assert len(attack(external, attacker, first)) <= 2
        assert is_alive(external, attacker)


def test_pipelined_requests_are_each_checked_on_their_own(external: OpenGate, attacker: str) -> None:
    with_token = f"GET /auth/v1/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {attacker}\r\n\r\n"
    without = "GET /auth/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert attack(external, attacker, with_token + without) == [200, 401, 200]


@pytest.mark.parametrize(
    "line",
    [
        "X-A: b\r\n\r\nGET /auth/v1/session HTTP/1.1",
        "X-A: b\nX-User-Id: usr_1",
        "X-A\r\n: b",
        ": b",
        "X A: b",
        "X-A: \x7f\x00",
        "Host: evil.example",
        "X-Forwarded_For: 1.2.3.4",
        "X_User_Id: usr_1",
    ],
)
def test_headers_cannot_be_split_or_hidden(external: OpenGate, attacker: str, line: str) -> None:
    first = f"GET /shopping/v1/products?limit=1 HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"
    answered = attack(external, attacker, first)
    assert answered
    assert set(answered) <= {200, 400, 401, 421}, answered
    assert is_alive(external, attacker)


def test_a_line_break_in_a_parameter_writes_no_header(external: OpenGate) -> None:
    """Answers that repeat what was sent (Location, redirects) do not split."""
    splitting = "x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<html>"
    with external.client() as client:
        for path in (
            f"/shopping/v1/products/{splitting}",
            f"/shopping/v1/products?colour={splitting}",
            f"/auth/v1/oauth/authorize?response_type=code&client_id=cli_{'0' * 32}&redirect_uri=https://x/"
            f"&scope=a&state={splitting}&code_challenge={'A' * 43}&code_challenge_method=S256",
        ):
            answer = client.get(path)
            assert answer.status_code in (200, 400, 401)
            assert "set-cookie" not in answer.headers


def test_what_is_refused_at_one_service_reaches_no_other(
    internal: OpenGate, external: OpenGate, new_customer: Callable[[], Customer]
) -> None:
    """A hidden request for the internal gateway's operations is not carried over the shared connection."""
    customer = new_customer()
    secret = f"GET /auth/v1/staff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {customer.token}\r\n\r\n"
    framing = f"Content-Length: {len(secret)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{secret}"
    for gate in (internal, external):
        answer = gate.raw(f"{START}{framing}{HONEST}".encode(), answers=10)
        assert statuses(answer) == [400]


def test_every_answer_belongs_to_its_request(external: OpenGate, buyer_token: str, rival_token: str) -> None:
    """Two people's requests in turns over kept connections: nobody sees what is the other's."""
    with external.client(token=buyer_token) as buyer, external.client(token=rival_token, http2=True) as rival:
        ids: list[set[str]] = [set(), set()]
        for _ in range(20):
            for person, seen in zip((buyer, rival), ids, strict=True):
                answer: httpx.Response = person.get("/auth/v1/session")
                seen.add(answer.json()["user"]["id"])
    assert [len(seen) for seen in ids] == [1, 1]
    assert ids[0] != ids[1]
