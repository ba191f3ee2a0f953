"""Which uploads count as a picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from libs.chassis import pictures
from libs.chassis.pictures import NotAnImage, measure_image


def picture(kind: str, size: tuple[int, int] = (6, 8)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "navy").save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize(
    ("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_a_picture_is_measured(kind: str, content_type: str) -> None:
    assert measure_image(picture(kind), content_type) == (6, 8)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"#!/bin/sh\necho no picture\n", "image/png"),
        (b"", "image/png"),
        (picture("PNG"), "image/jpeg"),
        (picture("PNG")[:40], "image/png"),
        (picture("GIF"), "image/png"),
    ],
)
def test_what_is_no_picture_of_its_type_is_refused(content: bytes, content_type: str) -> None:
    with pytest.raises(NotAnImage) as raised:
        measure_image(content, content_type)
    assert raised.value.status == 422


def test_a_picture_that_unpacks_to_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 47)
    with pytest.raises(NotAnImage, match="more than 47 pixels"):
        measure_image(picture("PNG"), "image/png")
