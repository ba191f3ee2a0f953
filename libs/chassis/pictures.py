"""Decode uploaded pictures in full and scale them to 8-bit sRGB WebP, with Pillow, which is imported only here."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libs.chassis.problems import Unprocessable

if TYPE_CHECKING:
    from PIL.Image import Image

# A small file can unpack to a huge picture (a "decompression bomb"); 50 million pixels are more than cameras
# give.
MOST_PIXELS = 50_000_000
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # the EXIF tag, and its values for a quarter turn
# How much higher than wide a picture of one of our sizes may be; WebP takes 16,383 pixels at most.
MOST_HEIGHT_BY_WIDTH = 4


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
    _, size = _decoded(content, [FORMATS[content_type]], needed=1)
    return size


def scaled_down(content: bytes, widths: Sequence[int], content_type: str | None = None) -> list[Scaled]:
    """The picture as 8-bit sRGB WebP in each of these widths (pixels), never larger than it is, turned upright.

    One that is more than MOST_HEIGHT_BY_WIDTH times as high as wide is made narrower. What a camera writes beside
    the picture (place, owner) is left behind. Raises NotAnImage.
    """
    formats = [FORMATS[content_type]] if content_type else list(FORMATS.values())
    image, _ = _decoded(content, formats, needed=max(widths))
    try:
        image = _in_srgb(image)
        return [_scaled(image, width) for width in widths]
    except Exception as error:  # Pillow raises nearly anything on what it cannot convert
        raise NotAnImage("It cannot be made smaller.") from error


def _decoded(content: bytes, formats: list[str], needed: int) -> tuple[Image, tuple[int, int]]:
    """The whole picture, upright, and its width and height; a JPEG is decoded at about the width that is needed."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content), formats=formats) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise NotAnImage(f"It has more than {MOST_PIXELS} pixels.")
            size = opened.size
            opened.draft(None, (needed, needed))
            opened.load()
            if opened.getexif().get(ORIENTATION) in TURNED:
                size = size[::-1]
            return ImageOps.exif_transpose(opened), size
    except NotAnImage:
        raise
    except Image.DecompressionBombError as error:
        raise NotAnImage(f"It has more than {MOST_PIXELS} pixels.") from error
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        raise NotAnImage(f"It cannot be read to its end as {' or '.join(formats)}.") from error


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

    factor = min(1.0, width / image.width, width * MOST_HEIGHT_BY_WIDTH / image.height)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    scaled = io.BytesIO()
    image.resize(size, Resampling.LANCZOS).save(scaled, "WEBP", quality=80, icc_profile=b"", exif=b"")
    return Scaled(scaled.getvalue(), *size)
