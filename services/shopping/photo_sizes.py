"""The files of a photo that pages show, made of the uploaded file, which itself is never shown (story d-po-06).

The uploaded file is under `originals/`, which nobody outside reads. What is shown is under `products/`, with a
random name of its own, from which the uploaded file's cannot be derived and which is never used again: browsers
and CloudFront may keep it for ever.
"""

from __future__ import annotations

import secrets

from libs.chassis.images import scale_down
from services.shopping import photo_files, photo_store
from services.shopping.products import Photo, PhotoSize

# Name → width in pixels, smallest first; a `srcset` names them all and the browser chooses.
WIDTHS = {"thumbnail": 160, "card": 480, "large": 1200}
CONTENT_TYPE = "image/webp"
FOR_EVER = "public, max-age=31536000, immutable"


def originals_folder(product_id: str) -> str:
    return f"{photo_store.ORIGINALS}{product_id}"


def shown_photo(product_id: str, photo_id: str, key: str, content_type: str, content: bytes) -> Photo:
    """The photo with the files that pages show, which are written here and still to be confirmed (photo_files.py).

    Raises NotAnImage, PhotoStoreUnavailable.
    """
    scaled = scale_down(content, list(WIDTHS.values()), content_type)
    stem = f"{photo_store.SHOWN}{product_id}/{secrets.token_urlsafe(24)}"
    sizes = tuple(
        PhotoSize(name, f"{stem}-{name}.webp", one.width, one.height)
        for name, one in zip(WIDTHS, scaled, strict=True)
    )
    photo_files.note_unconfirmed(product_id, [size.key for size in sizes])
    for size, one in zip(sizes, scaled, strict=True):
        photo_store.photo_bucket().write(size.key, one.content, CONTENT_TYPE, cache_control=FOR_EVER)
    return Photo(photo_id, key, content_type, sizes[-1].width, sizes[-1].height, sizes)
