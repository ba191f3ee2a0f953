"""docs/network.svg shows the templates as they are."""

from __future__ import annotations

from xml.etree import ElementTree

from infra import picture


def test_the_picture_is_current() -> None:
    assert picture.PICTURE.read_text() == picture.draw(), "run `make infra` and commit docs/network.svg"


def test_the_picture_shows_every_network_with_its_subnets() -> None:
    texts = [
        text.text or "" for text in ElementTree.fromstring(picture.draw()).iter("{http://www.w3.org/2000/svg}text")
    ]

    for service in ("auth", "customer", "shopping", "billing", "admin", "locker"):
        assert any(text.startswith(f"{service}  10.") for text in texts)
    assert sum("+ NAT" in text for text in texts) == 12
    assert sum(text in ("data a", "data b") for text in texts) == 12
