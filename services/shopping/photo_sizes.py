"""Photos in the sizes in which pages show them, made by the worker after the upload (story d-po-06).

Each file has a name that is never used again (the random name of the upload and the size), so browsers and
CloudFront may keep it for ever.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from libs.chassis.logs import get_logger
from libs.chassis.pictures import NotAnImage, scaled_down
from services.shopping import photo_store, product_store
from services.shopping.products import Document, Photo, Product

# Name → width in pixels, smallest first; a `srcset` names them all and the browser chooses.
WIDTHS = {"thumbnail": 160, "card": 480, "large": 1200}
CONTENT_TYPE = "image/webp"
FOR_EVER = "public, max-age=31536000, immutable"
MOST_BYTES = 10_485_760
MOST_PRODUCTS_AT_ONCE = 10


def make_wanted() -> None:
    """Makes the sizes of photos that have none yet; after a crash or without S3 the next run does it."""
    for product in product_store.products_with_photos_to_size(MOST_PRODUCTS_AT_ONCE):
        for photo in product.photos:
            if not photo.sizes:
                try:
                    _make(product, photo)
                except ClientError as error:  # this file alone; a store that is away is another error
                    get_logger(__name__).error("photo cannot be read", photo=photo.id, reason=str(error))


def _make(product: Product, photo: Photo) -> None:
    try:
        sizes = _written(photo)
    except NotAnImage as error:
        # It was looked at when it was uploaded, but not every pixel: it is shown as it is.
        get_logger(__name__).warning("photo stays in one size", photo=photo.id, reason=str(error.detail))
        sizes = []
    product_store.set_photo_sizes(product.id, photo.id, sizes)


def _written(photo: Photo) -> list[Document]:
    bucket = photo_store.photo_bucket()
    made = scaled_down(bucket.read(photo.key, MOST_BYTES), list(WIDTHS.values()))
    sizes = []
    for name, scaled in zip(WIDTHS, made, strict=True):
        key = f"{photo.key.rpartition('.')[0]}-{name}.webp"
        bucket.write(key, scaled.content, CONTENT_TYPE, cache_control=FOR_EVER)
        sizes.append({"name": name, "key": key, "width": scaled.width, "height": scaled.height})
    return sizes
