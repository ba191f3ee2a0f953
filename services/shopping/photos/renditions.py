"""The scaled files of a photo that pages show; the uploaded file itself is never public (story d-po-06).

They have a random name, from which the name of the uploaded file cannot be derived and which is never used again:
browsers and CloudFront may cache them without limit.
"""

from __future__ import annotations

import secrets

from libs.chassis.images import scale_down
from services.shopping.photos.photo_files import PUBLIC, note_unconfirmed, photo_bucket
from services.shopping.products.rules import Photo, PhotoSize

# Name → width in pixels, smallest first; a `srcset` lists them all and the browser chooses.
WIDTHS = {"thumbnail": 160, "card": 480, "large": 1200}
CONTENT_TYPE = "image/webp"
CACHE_CONTROL = "public, max-age=31536000, immutable"


def is_complete(photo: Photo) -> bool:
    return {size.name for size in photo.sizes} == set(WIDTHS)


def write_renditions(product_id: str, photo_id: str, key: str, content_type: str, content: bytes) -> Photo:
    """Write the scaled files of an uploaded photo; they are still to be confirmed (photo_files.py).

    Raises NotAnImage, PhotoStoreUnavailable.
    """
    images = scale_down(content, list(WIDTHS.values()), content_type)
    stem = f"{PUBLIC}{product_id}/{secrets.token_urlsafe(24)}"
    sizes = tuple(
        PhotoSize(name, f"{stem}-{name}.webp", image.width, image.height)
        for name, image in zip(WIDTHS, images, strict=True)
    )
    note_unconfirmed(product_id, [size.key for size in sizes])
    for size, image in zip(sizes, images, strict=True):
        photo_bucket().write(size.key, image.content, CONTENT_TYPE, cache_control=CACHE_CONTROL)
    return Photo(photo_id, key, content_type, sizes[-1].width, sizes[-1].height, sizes)
