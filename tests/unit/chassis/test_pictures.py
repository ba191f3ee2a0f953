"""Which uploads count as a picture."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from libs.chassis import pictures
from libs.chassis.pictures import NotAnImage, measure_image, scaled_down


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


def test_a_picture_is_made_smaller_in_each_width_and_keeps_its_shape() -> None:
    made = scaled_down(picture("PNG", (400, 300)), [40, 200, 1000])
    assert [(one.width, one.height) for one in made] == [(40, 30), (200, 150), (400, 300)]
    for one in made:
        assert measure_image(one.content, "image/webp") == (one.width, one.height)


def test_a_see_through_picture_stays_so() -> None:
    content = io.BytesIO()
    Image.new("RGBA", (40, 30), (0, 0, 255, 0)).save(content, "PNG")
    [made] = scaled_down(content.getvalue(), [20])
    with Image.open(io.BytesIO(made.content)) as image:
        assert image.convert("RGBA").getpixel((5, 5))[3] == 0


@pytest.mark.parametrize("content", [b"no picture", picture("PNG", (50, 50))[:80]])
def test_what_cannot_be_read_to_its_end_is_not_made_smaller(content: bytes) -> None:
    with pytest.raises(NotAnImage):
        scaled_down(content, [20])
