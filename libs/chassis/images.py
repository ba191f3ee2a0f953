"""Images: decode uploads completely, and scale them to 8-bit sRGB WebP. Pillow is imported only here."""

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

# A small file can decode to a huge image (a "decompression bomb"). Pillow 13 uses up to 9 bytes per pixel of a PNG,
# 18 of a WebP and 8 of a progressive JPEG; it decodes any other JPEG at a fraction of its size. So one image uses
# less than 225 MB. Cameras produce up to 50 million pixels, as plain JPEG.
MAX_PIXELS = {"JPEG": 50_000_000, "progressive JPEG": 25_000_000, "PNG": 16_000_000, "WEBP": 12_500_000}
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
ORIENTATION, ROTATED = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values for a quarter turn
# The maximum ratio of height to width after scaling; the limit of WebP is 16,383 pixels.
MAX_HEIGHT_BY_WIDTH = 4
# Each process decodes one image at a time, because its memory suffices for one.
_DECODING = threading.Lock()
# Other modes have a palette or one bit per pixel, which cannot be interpolated.
SCALABLE_MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "I", "I;16", "F")


class NotAnImage(Unprocessable):
    slug = "not-an-image"
    title = "The uploaded file is not a valid image"


@dataclass(frozen=True)
class Scaled:
    """An image as WebP; width and height in pixels."""

    content: bytes
    width: int
    height: int


def measure_image(content: bytes, content_type: str) -> tuple[int, int]:
    """Width and height in pixels as displayed; the image is decoded completely.

    Raises NotAnImage when it is broken, incomplete, too large or not of this type.
    """
    _, size = _decode(content, [FORMATS[content_type]], None)
    return size


def scale_down(content: bytes, widths: Sequence[int], content_type: str | None = None) -> list[Scaled]:
    """The image upright as 8-bit sRGB WebP in each of these widths (pixels), never enlarged.

    An image that is more than MAX_HEIGHT_BY_WIDTH times as high as wide gets a smaller width. Metadata of the
    camera (place, owner) is removed. Raises NotAnImage.
    """
    formats = [FORMATS[content_type]] if content_type else list(FORMATS.values())
    image, _ = _decode(content, formats, max(widths))
    try:
        image = _to_srgb(image)
        return [_scale(image, width) for width in widths]
    except Exception as error:  # Pillow raises nearly anything on what it cannot convert
        raise NotAnImage("The image cannot be scaled.") from error


def _decode(content: bytes, formats: list[str], width: int | None) -> tuple[Image, tuple[int, int]]:
    """The image, with `width` upright and reduced to that width, and its full size as displayed."""
    from PIL import Image

    try:
        with _DECODING, Image.open(io.BytesIO(content), formats=formats) as opened:
            _require_few_pixels(opened)
            is_rotated = opened.getexif().get(ORIENTATION) in ROTATED
            displayed = opened.size[::-1] if is_rotated else opened.size
            needed = _size_at(displayed, width or 1)
            stored = needed[::-1] if is_rotated else needed
            opened.draft(None, stored)
            opened.load()
            return opened if width is None else _reduce(opened, stored), displayed
    except NotAnImage:
        raise
    except Image.DecompressionBombError as error:
        raise NotAnImage("The image has too many pixels.") from error
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        raise NotAnImage(f"The file cannot be decoded completely as {' or '.join(formats)}.") from error


def _require_few_pixels(opened: Image) -> None:
    kind = "JPEG" if opened.format == "MPO" else str(opened.format)
    if kind == "JPEG" and opened.info.get("progressive"):
        kind = "progressive JPEG"
    if opened.width * opened.height > MAX_PIXELS[kind]:
        raise NotAnImage(f"The image has more than {MAX_PIXELS[kind]} pixels, the maximum for a {kind}.")


def _reduce(image: Image, size: tuple[int, int]) -> Image:
    """The image upright, reduced to this size before any other copy is made; never enlarged."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    if image.mode not in SCALABLE_MODES or ("transparency" in image.info and image.mode in ("L", "RGB")):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if size[0] < image.width:
        gap = None if image.mode.startswith("I;16") else 2.0  # Pillow cannot reduce 16 bits by a whole factor first
        image = image.resize(size, Resampling.LANCZOS, reducing_gap=gap)
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_srgb(image: Image) -> Image:
    """The same colours in 8-bit sRGB, which viewers assume for a WebP."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value * (255 / 65535)).convert("L")
        image.info.pop("transparency", None)
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    colours = _convert_colours(image, profile) if profile else image.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _convert_colours(image: Image, profile: bytes) -> Image:
    """Convert to RGB by the embedded profile, or without it when it is broken or has other channels."""
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        if converted is not None:
            return converted
    return image.convert("RGB")


def _scale(image: Image, width: int) -> Scaled:
    from PIL.Image import Resampling

    size = _size_at(image.size, width)
    scaled = io.BytesIO()
    image.resize(size, Resampling.LANCZOS).save(scaled, "WEBP", quality=80, icc_profile=b"", exif=b"")
    return Scaled(scaled.getvalue(), *size)


def _size_at(size: tuple[int, int], width: int) -> tuple[int, int]:
    factor = min(1.0, width / size[0], width * MAX_HEIGHT_BY_WIDTH / size[1])
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
