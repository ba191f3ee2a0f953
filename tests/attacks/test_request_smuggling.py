"""Request smuggling: a request that two servers could parse differently does not affect the next request.

Each attack is followed by a normal request on the same connection. The smuggled request would end the session of
the attacker's own token, which must still be valid afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.attacks.gateways import UnthrottledGateway
from tools.demo.people import Customer

SMUGGLED_REQUEST = "DELETE /auth/v1/session HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
FOLLOWING_REQUEST = "GET /shopping/v1/products?limit=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
START = "POST /auth/v1/email-verifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = '{"token": "nothing-that-was-ever-sent"}'


@pytest.fixture(scope="module")
def attacker(external: UnthrottledGateway, buyer_token: str) -> str:
    """A token whose session the smuggled request would end."""
    return buyer_token


def statuses(response: bytes) -> list[int]:
    return [int(part[:3]) for part in response.split(b"HTTP/1.1 ")[1:]]


def is_alive(gateway: UnthrottledGateway, token: str) -> bool:
    with gateway.client(token=token) as client:
        return client.get("/auth/v1/session").status_code == 200


def attack(gateway: UnthrottledGateway, token: str, first: str) -> list[int]:
    """Send an attack and a normal request after it; return the statuses of all responses."""
    return statuses(gateway.send_raw(f"{first}{FOLLOWING_REQUEST}".encode("latin1"), responses=10))


def smuggled_request(token: str) -> str:
    return SMUGGLED_REQUEST.format(token=token) + "\r\n"


REJECTED_FRAMINGS = [
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


@pytest.mark.parametrize("framing", REJECTED_FRAMINGS)
def test_an_ambiguous_body_length_is_rejected_and_the_connection_closed(
    external: UnthrottledGateway, attacker: str, framing: str
) -> None:
    smuggled = smuggled_request(attacker)
    statuses_received = attack(external, attacker, START + framing.format(length=len(smuggled), hidden=smuggled))
    assert statuses_received in ([400], [501]), "one rejection, and the connection is closed"
    assert is_alive(external, attacker)


UNAMBIGUOUS_FRAMINGS = [
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


@pytest.mark.parametrize("framing", UNAMBIGUOUS_FRAMINGS)
def test_a_request_inside_a_body_is_not_executed(external: UnthrottledGateway, attacker: str, framing: str) -> None:
    """The smuggled request is the body, which is not JSON; the request after it gets its own response."""
    smuggled = smuggled_request(attacker)
    filled = framing.format(length=len(smuggled), chunk=f"{len(smuggled):x}", hidden=smuggled)
    statuses_received = attack(external, attacker, START + filled)
    assert statuses_received in ([400], [400, 200])
    assert is_alive(external, attacker)


def test_the_body_of_a_get_request_is_not_executed(external: UnthrottledGateway, attacker: str) -> None:
    smuggled = smuggled_request(attacker)
    for path in ("/shopping/v1/products?limit=1", "/auth/v1/session", "/nothing"):
        first = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(smuggled)}\r\n\r\n{smuggled}"
        assert len(attack(external, attacker, first)) <= 2
        assert is_alive(external, attacker)


def test_pipelined_requests_are_authorized_separately(external: UnthrottledGateway, attacker: str) -> None:
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
def test_headers_cannot_be_split_or_hidden(external: UnthrottledGateway, attacker: str, line: str) -> None:
    first = f"GET /shopping/v1/products?limit=1 HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n"
    statuses_received = attack(external, attacker, first)
    assert statuses_received
    assert set(statuses_received) <= {200, 400, 401, 421}, statuses_received
    assert is_alive(external, attacker)


def test_a_line_break_in_a_parameter_adds_no_header(external: UnthrottledGateway) -> None:
    """Answers that repeat what was sent (Location, redirects) do not split."""
    injection = "x%0d%0aSet-Cookie:%20a=b%0d%0a%0d%0a<html>"
    with external.client() as client:
        for path in (
            f"/shopping/v1/products/{injection}",
            f"/shopping/v1/products?colour={injection}",
            f"/auth/v1/oauth/authorize?response_type=code&client_id=cli_{'0' * 32}&redirect_uri=https://x/"
            f"&scope=a&state={injection}&code_challenge={'A' * 43}&code_challenge_method=S256",
        ):
            response = client.get(path)
            assert response.status_code in (200, 400, 401)
            assert "set-cookie" not in response.headers


def test_a_smuggled_request_is_not_executed_at_either_gateway(
    internal: UnthrottledGateway, external: UnthrottledGateway, new_customer: Callable[[], Customer]
) -> None:
    """A smuggled request for operations of the internal gateway is not forwarded over a shared connection."""
    customer = new_customer()
    smuggled = f"GET /auth/v1/staff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {customer.token}\r\n\r\n"
    framing = f"Content-Length: {len(smuggled)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    for gateway in (internal, external):
        response = gateway.send_raw(f"{START}{framing}{FOLLOWING_REQUEST}".encode(), responses=10)
        assert statuses(response) == [400]


def test_every_response_belongs_to_its_request(
    external: UnthrottledGateway, buyer_token: str, other_buyer_token: str
) -> None:
    """Alternating requests of two users over persistent connections do not get each other's responses."""
    with (
        external.client(token=buyer_token) as buyer,
        external.client(token=other_buyer_token, http2=True) as other_buyer,
    ):
        ids: list[set[str]] = [set(), set()]
        for _ in range(20):
            for person, seen in zip((buyer, other_buyer), ids, strict=True):
                response: httpx.Response = person.get("/auth/v1/session")
                seen.add(response.json()["user"]["id"])
    assert [len(seen) for seen in ids] == [1, 1]
    assert ids[0] != ids[1]
