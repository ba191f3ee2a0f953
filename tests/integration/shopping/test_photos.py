"""Uploading photos straight to S3 and showing them only when they are pictures (story d-po-06)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from libs.chassis import db, security, uploads
from libs.chassis.object_store import Bucket, PhotoStoreAway
from libs.chassis.pictures import NotAnImage
from libs.chassis.uploads import PhotoNotFound, PhotoNotUploaded, PhotoUnlikePromise, TooManyPhotos
from services.shopping import inventory, photo_sizes, photo_store, photos, product_store
from services.shopping.photos import MOST_PHOTOS, UploadTicket
from services.shopping.products import Photo, Product
from services.shopping.schemas import PhotoSchema
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import MANAGER, id_of, outbox

Maker = Callable[..., Product]
pytestmark = pytest.mark.story("d-po-06")


@pytest.fixture(autouse=True)
def bucket(shopping: ShoppingSettings) -> Iterator[None]:
    photo_store.photo_bucket().ensure()
    photo_store.photo_bucket().ensure()
    with security.use_principal(MANAGER):
        yield


def picture(kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 80), "navy").save(content, kind)
    return content.getvalue()


def ask(product: Product, size: int, content_type: str = "image/png", name: str = "1") -> UploadTicket:
    with db.unit_of_work():
        return photos.create_upload(product.id, id_of("pho", name), content_type, size)


def send(ticket: UploadTicket, content: bytes, **fields: str) -> httpx.Response:
    form: dict[str, Any] = {**ticket.upload["fields"], **fields}
    return httpx.post(ticket.upload["url"], data=form, files={"file": ("photo", content)})


def complete(product: Product, ticket: UploadTicket) -> Photo:
    with db.unit_of_work():
        return photos.complete_upload(product.id, ticket.photo_id)


def test_a_photo_is_uploaded_checked_and_shown(draft: Maker) -> None:
    product, content = draft(), picture()
    ticket = ask(product, len(content))
    assert send(ticket, content).status_code in (200, 201, 204)
    photo = complete(product, ticket)
    assert (photo.width, photo.height) == (60, 80)
    shown = PhotoSchema().dump(photo)
    answer = httpx.get(shown["url"])
    assert (answer.content, answer.headers["content-type"]) == (content, "image/png")
    assert inventory.get_product(product.id).photos == [photo]
    assert complete(product, ticket) == photo
    assert inventory.get_product(product.id).version == product.version + 1
    [entry] = [e for e in outbox("shopping.audit.recorded.v1") if e["action"] == "complete_photo_upload"]
    assert entry["target"] == product.id


def test_the_same_request_again_gets_a_form_for_the_same_key(draft: Maker) -> None:
    product = draft()
    first, again = ask(product, 100), ask(product, 100)
    assert first.upload["fields"]["key"] == again.upload["fields"]["key"]
    assert first.upload["fields"]["key"] != ask(product, 100, name="2").upload["fields"]["key"]


def test_what_was_not_uploaded_is_not_shown(draft: Maker) -> None:
    product = draft()
    with pytest.raises(PhotoNotUploaded):
        complete(product, ask(product, 100))
    with pytest.raises(PhotoNotFound):
        photos.complete_upload(product.id, id_of("pho", "unknown"))
    with pytest.raises(PhotoNotFound):
        photos.complete_upload(draft().id, id_of("pho", "1"))


def test_what_is_no_picture_is_refused(draft: Maker) -> None:
    product, content = draft(), b"#!/bin/sh\necho no picture\n"
    ticket = ask(product, len(content))
    send(ticket, content)
    with pytest.raises(NotAnImage):
        complete(product, ticket)
    assert inventory.get_product(product.id).photos == []


def test_another_size_than_announced_is_refused(draft: Maker) -> None:
    product, content = draft(), picture()
    ticket = ask(product, len(content) + 1)
    send(ticket, content)
    with pytest.raises(PhotoUnlikePromise):
        complete(product, ticket)


def test_the_form_limits_size_and_type() -> None:
    upload = photo_store.PhotoUpload("pho", "prd", "products/k.png", "image/png", 10, _no_time())
    form = uploads.form_for(photo_store.photo_bucket(), upload)
    policy = _policy(form["fields"]["policy"])
    assert ["content-length-range", 1, 10] in policy["conditions"]
    assert {"Content-Type": "image/png"} in policy["conditions"]
    assert {"key": "products/k.png"} in policy["conditions"]


def _no_time() -> Any:
    return None


def _policy(text: str) -> dict[str, Any]:
    import base64
    import json

    policy: dict[str, Any] = json.loads(base64.b64decode(text))
    return policy


def test_a_product_has_only_so_many_photos(draft: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "MOST_PHOTOS", 1)
    product, content = draft(), picture("JPEG")
    ticket = ask(product, len(content), "image/jpeg")
    send(ticket, content)
    complete(product, ticket)
    with pytest.raises(TooManyPhotos):
        ask(product, 100, name="2")
    assert MOST_PHOTOS <= 20, "what the contract promises at most"


def large_picture() -> bytes:
    """A photo of a camera that was held upright, with where it was taken."""
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "A camera of Ana"
    Image.effect_noise((2000, 1600), 40).convert("RGB").save(content, "JPEG", exif=exif)
    return content.getvalue()


def test_a_photo_is_made_in_several_sizes_that_may_be_kept_for_ever(draft: Maker) -> None:
    product, content = draft(), large_picture()
    ticket = ask(product, len(content), "image/jpeg")
    send(ticket, content)
    photo = complete(product, ticket)
    assert PhotoSchema().dump(photo)["sizes"] == [], "not within the request"
    version = inventory.get_product(product.id).version
    photo_sizes.make_wanted()
    [shown] = PhotoSchema(many=True).dump(inventory.get_product(product.id).photos)
    assert [(size["name"], size["width"], size["height"]) for size in shown["sizes"]] == [
        ("thumbnail", 160, 200),
        ("card", 480, 600),
        ("large", 1200, 1500),
    ]
    assert shown["url"] == shown["sizes"][-1]["url"]
    lengths = []
    for size in shown["sizes"]:
        answer = httpx.get(size["url"])
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        with Image.open(io.BytesIO(answer.content)) as made:
            assert (made.format, made.size) == ("WEBP", (size["width"], size["height"]))
            assert not made.getexif(), "where and with what it was taken is nobody's business"
        lengths.append(len(answer.content))
    assert lengths == sorted(lengths)
    assert inventory.get_product(product.id).version == version, "no editor is told of another one"
    assert product_store.products_with_photos_to_size(10) == []


def test_a_photo_that_cannot_be_made_smaller_is_shown_as_it_is(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, content = draft(), picture()
    ticket = ask(product, len(content))
    send(ticket, content)
    photo = complete(product, ticket)
    broken = picture("PNG")[:-30]
    photo_store.photo_bucket().write(photo.key, broken, "image/png")
    photo_sizes.make_wanted()
    [kept] = inventory.get_product(product.id).photos
    assert kept == photo
    assert product_store.products_with_photos_to_size(10) == [], "it is not tried for ever"


def test_without_s3_the_sizes_wait(draft: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    product, content = draft(), picture()
    ticket = ask(product, len(content))
    send(ticket, content)
    complete(product, ticket)

    def away(*_arguments: Any, **_more: Any) -> bytes:
        raise PhotoStoreAway("Repeat the request in a moment.")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "read", away)
        with pytest.raises(PhotoStoreAway):
            photo_sizes.make_wanted()
    photo_sizes.make_wanted()
    [shown] = inventory.get_product(product.id).photos
    assert [size.width for size in shown.sizes] == [60, 60, 60], "never larger than it is"
