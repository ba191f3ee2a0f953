"""Is a file really a picture? Looked at with Pillow, which is loaded only here."""

from __future__ import annotations

import io
import warnings

from libs.chassis.problems import Unprocessable

# A small file can unpack to a huge picture (a "decompression bomb"); 50 million pixels are more than cameras
# give.
MOST_PIXELS = 50_000_000
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


class NotAnImage(Unprocessable):
    slug = "not-an-image"
    title = "The uploaded file is not a picture that can be shown"


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
