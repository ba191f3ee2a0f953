"""Decode uploaded pictures in full and scale them to 8-bit sRGB WebP, with Pillow, which is imported only here."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libs.chassis.problems import Unprocessable

if TYPE_CHECKING:
    from PIL.Image import Image

# A small file can unpack to a huge picture (a "decompression bomb"). With Pillow 13 decoding takes up to 9 bytes
# for a pixel of a PNG, 18 of a WebP and 8 of a progressive JPEG; any other JPEG is decoded at a fraction of its
# size. So one picture takes less than 225 MB. Cameras give up to 50 million pixels, as plain JPEG.
MAX_PIXELS = {"JPEG": 50_000_000, "progressive JPEG": 25_000_000, "PNG": 16_000_000, "WEBP": 12_500_000}
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values for a quarter turn
# How much higher than wide a picture of one of our sizes may be; WebP takes 16,383 pixels at most.
MAX_HEIGHT_BY_WIDTH = 4
# One picture at a time in each process, whatever the number of requests: the memory is for one.
_DECODING = threading.Lock()
# All others have a palette, or one bit for a pixel, and cannot be scaled smoothly.
SCALABLE_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "I", "I;16", "F")


class NotAnImage(Unprocessable):
    slug = "not-an-image"
    title = "The uploaded file is not a picture that can be shown"


@dataclass(frozen=True)
class Scaled:
    """A picture as WebP; width and height in pixels."""

    content: bytes
    width: int
    height: int


def measure_image(content: bytes, content_type: str) -> tuple[int, int]:
    """Width and height in pixels as it is shown, decoded to the last row.

    Raises NotAnImage when it is broken, incomplete, too large or not of this type.
    """
    _, size = _decoded(content, [FORMATS[content_type]], None)
    return size


def scale_down(content: bytes, widths: Sequence[int], content_type: str | None = None) -> list[Scaled]:
    """The picture as 8-bit sRGB WebP in each of these widths (pixels), never larger than it is, turned upright.

    One that is more than MAX_HEIGHT_BY_WIDTH times as high as wide is made narrower. What a camera writes beside
    the picture (place, owner) is left behind. Raises NotAnImage.
    """
    formats = [FORMATS[content_type]] if content_type else list(FORMATS.values())
    image, _ = _decoded(content, formats, max(widths))
    try:
        image = _in_srgb(image)
        return [_scaled(image, width) for width in widths]
    except Exception as error:  # Pillow raises nearly anything on what it cannot convert
        raise NotAnImage("It cannot be made smaller.") from error


def _decoded(content: bytes, formats: list[str], width: int | None) -> tuple[Image, tuple[int, int]]:
    """The picture, with a width upright and not larger than that needs, and its full size as it is shown."""
    from PIL import Image

    try:
        with _DECODING, Image.open(io.BytesIO(content), formats=formats) as opened:
            _require_few_pixels(opened)
            is_turned = opened.getexif().get(ORIENTATION) in TURNED
            shown = opened.size[::-1] if is_turned else opened.size
            needed = _size_at(shown, width or 1)
            stored = needed[::-1] if is_turned else needed
            opened.draft(None, stored)
            opened.load()
            return opened if width is None else _reduced(opened, stored), shown
    except NotAnImage:
        raise
    except Image.DecompressionBombError as error:
        raise NotAnImage("It has too many pixels.") from error
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        raise NotAnImage(f"It cannot be read to its end as {' or '.join(formats)}.") from error


def _require_few_pixels(opened: Image) -> None:
    kind = "JPEG" if opened.format == "MPO" else str(opened.format)
    if kind == "JPEG" and opened.info.get("progressive"):
        kind = "progressive JPEG"
    if opened.width * opened.height > MAX_PIXELS[kind]:
        raise NotAnImage(f"It has more than {MAX_PIXELS[kind]} pixels, which is the most for a {kind}.")


def _reduced(image: Image, size: tuple[int, int]) -> Image:
    """The picture upright, reduced to this size before anything else makes a copy of it; never made larger."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    if image.mode not in SCALABLE_MODES or ("transparency" in image.info and image.mode in ("L", "RGB")):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if size[0] < image.width:
        gap = None if image.mode.startswith("I;16") else 2.0  # Pillow cannot reduce 16 bits by a whole factor first
        image = image.resize(size, Resampling.LANCZOS, reducing_gap=gap)
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _in_srgb(image: Image) -> Image:
    """The same colours with eight bits in sRGB, which is what every screen takes a WebP for."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value * (255 / 65535)).convert("L")
        image.info.pop("transparency", None)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    colours = _converted(image, profile) if profile else image.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _converted(image: Image, profile: bytes) -> Image:
    """RGB by the embedded profile; without it when the profile is broken or of other channels than the picture."""
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if converted is not None:
            return converted
    return image.convert("RGB")


def _scaled(image: Image, width: int) -> Scaled:
    from PIL.Image import Resampling

    size = _size_at(image.size, width)
    scaled = io.BytesIO()
    image.resize(size, Resampling.LANCZOS).save(scaled, "WEBP", quality=80, icc_profile=b"", exif=b"")
    return Scaled(scaled.getvalue(), *size)


def _size_at(size: tuple[int, int], width: int) -> tuple[int, int]:
    factor = min(1.0, width / size[0], width * MAX_HEIGHT_BY_WIDTH / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
