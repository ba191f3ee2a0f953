"""Which uploads are valid images, and how they are scaled."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageCms

from libs.chassis import images
from libs.chassis.images import NotAnImage, measure_image, scale_down


def create_image(kind: str, size: tuple[int, int] = (6, 8)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "navy").save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize(
    ("kind", "content_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp")]
)
def test_the_size_of_an_image_is_measured(kind: str, content_type: str) -> None:
    assert measure_image(create_image(kind), content_type) == (6, 8)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"#!/bin/sh\necho no picture\n", "image/png"),
        (b"", "image/png"),
        (create_image("PNG"), "image/jpeg"),
        (create_image("PNG")[:40], "image/png"),
        (create_image("GIF"), "image/png"),
    ],
)
def test_a_file_of_another_type_is_rejected(content: bytes, content_type: str) -> None:
    with pytest.raises(NotAnImage) as raised:
        measure_image(content, content_type)
    assert raised.value.status == 422


@pytest.mark.parametrize(("kind", "width"), [("PNG", 4001), ("WEBP", 3536)])
def test_an_image_with_too_many_pixels_is_rejected(kind: str, width: int) -> None:
    content = create_image(kind, (width, width))
    assert len(content) < 60_000
    with pytest.raises(NotAnImage, match=r"The image has more than 1[26][05]00000 pixels"):
        measure_image(content, f"image/{kind.lower()}")
    with pytest.raises(NotAnImage, match=r"The image has more than 1[26][05]00000 pixels"):
        scale_down(content, [20])


@pytest.mark.parametrize("is_progressive", [False, True])
def test_a_progressive_jpeg_has_a_lower_limit(is_progressive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(images.MAX_PIXELS, "progressive JPEG", 47)
    content = io.BytesIO()
    Image.new("RGB", (6, 8)).save(content, "JPEG", progressive=is_progressive)
    if is_progressive:
        with pytest.raises(NotAnImage, match="47 pixels, the maximum for a progressive JPEG"):
            measure_image(content.getvalue(), "image/jpeg")
    else:
        assert measure_image(content.getvalue(), "image/jpeg") == (6, 8)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("I;16", "PNG"), ("1", "PNG"), ("CMYK", "JPEG")],
)
def test_an_image_is_reduced_before_its_colours_are_converted(
    mode: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, convert = [], images._to_srgb

    def converted(image: Image.Image) -> Image.Image:
        sizes.append(image.size)
        return convert(image)

    monkeypatch.setattr(images, "_to_srgb", converted)
    content = io.BytesIO()
    Image.new(mode, (400, 300)).save(content, kind)
    scale_down(content.getvalue(), [20, 40])
    assert sizes == [(40, 30)]


def test_a_long_jpeg_is_decoded_at_a_fraction_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, reduce = [], images._reduce

    def reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
        sizes.append(image.size)
        return reduce(image, size)

    monkeypatch.setattr(images, "_reduce", reduced)
    scale_down(create_image("JPEG", (4000, 200)), [400])
    assert sizes == [(500, 25)]


def test_one_image_is_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both, reduce = threading.Barrier(2), images._reduce

    def reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
        with pytest.raises(threading.BrokenBarrierError):
            both.wait(timeout=0.1)
        return reduce(image, size)

    monkeypatch.setattr(images, "_reduce", reduced)
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(scale_down, [create_image("PNG")] * 2, [[4]] * 2))) == 2


def test_an_image_is_scaled_to_each_width_with_its_aspect_ratio() -> None:
    scaled = scale_down(create_image("PNG", (400, 300)), [40, 200, 1000])
    assert [(one.width, one.height) for one in scaled] == [(40, 30), (200, 150), (400, 300)]
    for one in scaled:
        assert measure_image(one.content, "image/webp") == (one.width, one.height)


def test_a_transparent_image_stays_transparent() -> None:
    content = io.BytesIO()
    Image.new("RGBA", (40, 30), (0, 0, 255, 0)).save(content, "PNG")
    [scaled] = scale_down(content.getvalue(), [20])
    with Image.open(io.BytesIO(scaled.content)) as image:
        assert image.convert("RGBA").getpixel((5, 5))[3] == 0


def test_the_size_of_an_image_is_that_of_its_display() -> None:
    content, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (60, 40)).save(content, "JPEG", exif=exif)
    assert measure_image(content.getvalue(), "image/jpeg") == (40, 60)
    [scaled] = scale_down(content.getvalue(), [20])
    assert (scaled.width, scaled.height) == (20, 30)


@pytest.mark.parametrize(
    ("size", "expected"), [((750, 15000), (240, 4800)), ((15000, 750), (1200, 60)), ((1, 9000), (1, 4800))]
)
def test_a_very_high_image_fits_the_limits_of_webp(size: tuple[int, int], expected: tuple[int, int]) -> None:
    [scaled] = scale_down(create_image("PNG", size), [1200])
    with Image.open(io.BytesIO(scaled.content)) as image:
        assert image.size == expected == (scaled.width, scaled.height)


def pixel_of(content: bytes) -> tuple[int, ...]:
    [scaled] = scale_down(content, [20])
    with Image.open(io.BytesIO(scaled.content)) as image:
        assert "icc_profile" not in image.info
        found = image.convert("RGB").getpixel((5, 5))
        assert isinstance(found, tuple)
        return found


@pytest.mark.parametrize(("grey", "shown"), [(0, 0), (32768, 127), (65535, 255)])
def test_16_bit_grey_is_converted_to_8_bits(grey: int, shown: int) -> None:
    content = io.BytesIO()
    Image.new("I;16", (40, 30), grey).save(content, "PNG")
    assert all(abs(channel - shown) <= 2 for channel in pixel_of(content.getvalue()))


def with_profile(mode: str, colour: object, profile: bytes) -> bytes:
    content = io.BytesIO()
    Image.new(mode, (40, 30), colour).save(content, "PNG", icc_profile=profile)  # type: ignore[arg-type]
    return content.getvalue()


def test_colours_are_converted_by_their_profile() -> None:
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert max(map(_difference, pixel_of(with_profile("RGB", (200, 60, 30), lab_like)), (200, 60, 30))) <= 6
    shifted = pixel_of(with_profile("RGB", (200, 60, 30), wide_gamut()))
    assert shifted[0] > 215, "the same numbers are a stronger red in a wider gamut"
    assert shifted[1] < 60


def _difference(one: int, other: int) -> int:
    return abs(one - other)


def wide_gamut() -> bytes:
    """The sRGB profile with the primaries of Display P3 (a matrix of s15Fixed16 numbers: ICC.1, 9.2.44)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        "rXYZ": (0.5151, 0.2412, -0.0011),
        "gXYZ": (0.2919, 0.6922, 0.0419),
        "bXYZ": (0.1572, 0.0666, 0.7841),
    }
    for number in range(int.from_bytes(profile[128:132], "big")):
        tag = profile[132 + 12 * number : 144 + 12 * number]
        if (found := primaries.get(tag[:4].decode("latin1"))) is not None:
            begin = int.from_bytes(tag[4:8], "big") + 8
            profile[begin : begin + 12] = b"".join(
                round(value * 65536).to_bytes(4, "big", signed=True) for value in found
            )
    return bytes(profile)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_unusable_profile_is_ignored(mode: str) -> None:
    profile = b"no profile" if mode == "RGB" else wide_gamut()
    assert len(set(pixel_of(with_profile(mode, 0, profile)))) == 1


def truncated(kind: str) -> bytes:
    content = io.BytesIO()
    Image.effect_noise((200, 160), 60).convert("RGB").save(content, kind)
    return content.getvalue()[: len(content.getvalue()) // 2]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_image_is_rejected(kind: str) -> None:
    with pytest.raises(NotAnImage):
        measure_image(truncated(kind), f"image/{kind.lower()}")
    with pytest.raises(NotAnImage):
        scale_down(truncated(kind), [20])


@pytest.mark.parametrize("content", [b"no image", create_image("PNG", (50, 50))[:80]])
def test_a_truncated_image_is_not_scaled(content: bytes) -> None:
    with pytest.raises(NotAnImage):
        scale_down(content, [20])
