"""Is a file really a picture, and what is it made smaller? With Pillow, which is loaded only here."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from libs.chassis.problems import Unprocessable

if TYPE_CHECKING:
    from PIL.Image import Image

# A small file can unpack to a huge picture (a "decompression bomb"); 50 million pixels are more than cameras
# give.
MOST_PIXELS = 50_000_000
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


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
    """Width and height in pixels. Raises NotAnImage when it is broken, too large or not of this type."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # The limit below is ours; Pillow's own only warns.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[FORMATS[content_type]]) as image:
                width, height = image.size
                if width * height <= MOST_PIXELS:
                    image.verify()
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        raise NotAnImage(f"It cannot be read as {content_type}.") from error
    if width * height > MOST_PIXELS:
        raise NotAnImage(f"It has more than {MOST_PIXELS} pixels.")
    return width, height


def scaled_down(content: bytes, widths: Sequence[int]) -> list[Scaled]:
    """The picture as WebP in each of these widths (pixels), never larger than it is, turned the right way up.

    What a camera writes beside the picture (place, owner) is left behind. Raises NotAnImage.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(content), formats=list(FORMATS.values())) as opened:
            opened.draft("RGB", (max(widths), max(widths)))  # a JPEG is decoded at about that size at once
            image = ImageOps.exif_transpose(opened)
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
            return [_scaled(image, width) for width in widths]
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        raise NotAnImage("It cannot be made smaller.") from error


def _scaled(image: Image, width: int) -> Scaled:
    from PIL.Image import Resampling

    width = min(width, image.width)
    height = max(1, round(image.height * width / image.width))
    made = io.BytesIO()
    image.resize((width, height), Resampling.LANCZOS).save(made, "WEBP", quality=80)
    return Scaled(made.getvalue(), width, height)
