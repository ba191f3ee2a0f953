"""Uploading, removing and reordering photos (story d-po-06)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from libs.chassis import db, security, uploads
from libs.chassis.images import NotAnImage
from libs.chassis.object_store import Bucket, PhotoStoreUnavailable
from libs.chassis.state_machine import IllegalTransition
from libs.chassis.uploads import PhotoNotFound, PhotoNotUploaded, TooManyPhotos, UploadMismatch
from services.shopping.photos import photo_changes, photo_files, photo_store, rebuild, upload_store
from services.shopping.photos.photo_changes import MAX_PHOTOS, PhotosDiffer, UploadTicket
from services.shopping.photos.schemas import PhotoSchema, build_public_url
from services.shopping.products import product_store
from services.shopping.products.rules import Photo, PhotoSize, Product, ProductChangedConcurrently
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import MANAGER, id_of, outbox

Maker = Callable[..., Product]
pytestmark = pytest.mark.story("d-po-06")


@pytest.fixture(autouse=True)
def bucket(shopping: ShoppingSettings) -> Iterator[None]:
    photo_files.photo_bucket().create_if_missing()
    with security.use_principal(MANAGER):
        yield


def picture(kind: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (60, 80), "navy").save(content, kind)
    return content.getvalue()


def announce(product: Product, size: int, content_type: str = "image/png", name: str = "1") -> UploadTicket:
    with db.unit_of_work():
        return photo_changes.create_upload(product.id, id_of("pho", name), content_type, size)


def upload(ticket: UploadTicket, content: bytes, **fields: str) -> httpx.Response:
    form: dict[str, Any] = {**ticket.upload["fields"], **fields}
    return httpx.post(ticket.upload["url"], data=form, files={"file": ("photo", content)})


def complete(product: Product, ticket: UploadTicket) -> Photo:
    with db.unit_of_work():
        return photo_changes.complete_upload(product.id, ticket.photo_id)


def add_photo(product: Product, name: str, content: bytes | None = None) -> Photo:
    content = picture() if content is None else content
    ticket = announce(product, len(content), name=name)
    upload(ticket, content)
    return complete(product, ticket)


def photo_ids(product: Product) -> list[str]:
    return [photo.id for photo in product_store.get_product(product.id).photos]


def audit_entries(action: str) -> list[dict[str, Any]]:
    return [entry for entry in outbox("shopping.audit.recorded.v1") if entry["action"] == action]


def test_a_completed_upload_becomes_a_photo(draft: Maker) -> None:
    product, content = draft(), picture()
    ticket = announce(product, len(content))
    assert upload(ticket, content).status_code in (200, 201, 204)
    photo = complete(product, ticket)
    assert (photo.width, photo.height) == (60, 80)
    shown = PhotoSchema().dump(photo)
    assert httpx.get(shown["url"]).headers["content-type"] == "image/webp"
    assert product_store.get_product(product.id).photos == [photo]
    assert complete(product, ticket) == photo
    assert product_store.get_product(product.id).version == product.version + 1
    [entry] = audit_entries("complete_photo_upload")
    assert entry["target"] == product.id


def test_the_url_of_the_original_cannot_be_derived(draft: Maker) -> None:
    photo = add_photo(draft(), "1")
    stems = {photo.key.rpartition("/")[2].partition(".")[0]}
    assert photo.key.startswith("originals/")
    for size in photo.sizes:
        assert size.key.startswith("products/")
        assert not any(stem in size.key for stem in stems)
        for ending in ("jpg", "png", "webp"):
            derived = f"{size.key.rpartition('-')[0]}.{ending}"
            assert httpx.get(build_public_url(derived)).status_code in (403, 404)


def test_a_repeated_request_returns_a_form_for_the_same_key(draft: Maker) -> None:
    product = draft()
    first, again = announce(product, 100), announce(product, 100)
    assert first.upload["fields"]["key"] == again.upload["fields"]["key"]
    assert first.upload["fields"]["key"] != announce(product, 100, name="2").upload["fields"]["key"]


def test_an_upload_without_a_file_cannot_be_completed(draft: Maker) -> None:
    product = draft()
    with pytest.raises(PhotoNotUploaded):
        complete(product, announce(product, 100))
    with pytest.raises(PhotoNotFound):
        photo_changes.complete_upload(product.id, id_of("pho", "unknown"))
    with pytest.raises(PhotoNotFound):
        photo_changes.complete_upload(draft().id, id_of("pho", "1"))


def test_a_file_that_is_no_image_is_rejected(draft: Maker) -> None:
    product, content = draft(), b"#!/bin/sh\necho no picture\n"
    ticket = announce(product, len(content))
    upload(ticket, content)
    with pytest.raises(NotAnImage):
        complete(product, ticket)
    assert product_store.get_product(product.id).photos == []


def test_another_file_size_than_announced_is_rejected(draft: Maker) -> None:
    product, content = draft(), picture()
    ticket = announce(product, len(content) + 1)
    upload(ticket, content)
    with pytest.raises(UploadMismatch):
        complete(product, ticket)


def test_the_form_limits_size_and_type() -> None:
    upload = upload_store.PhotoUpload("pho", "prd", "products/k.png", "image/png", 10, _no_time())
    form = uploads.create_form(photo_files.photo_bucket(), upload)
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


def test_the_limit_of_photos_is_checked_when_an_upload_is_completed(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_changes, "MAX_PHOTOS", 2)
    product, content = draft(), picture()
    tickets = [announce(product, len(content), name=str(number)) for number in range(4)]
    for ticket in tickets:
        upload(ticket, content)
    complete(product, tickets[0])
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda ticket: _outcome(product, ticket), tickets[1:]))
    assert sorted(outcomes) == ["TooManyPhotos", "TooManyPhotos", "shown"]
    assert len(photo_ids(product)) == 2
    assert len(audit_entries("complete_photo_upload")) == 2
    with pytest.raises(TooManyPhotos):
        announce(product, 100, name="new")
    assert MAX_PHOTOS <= 20, "`maxItems` of the contract"


def _outcome(product: Product, ticket: UploadTicket) -> str:
    with security.use_principal(MANAGER):
        try:
            complete(product, ticket)
        except TooManyPhotos as error:
            return type(error).__name__
    return "shown"


@pytest.mark.story("mf-op-02")
def test_a_photo_is_removed_with_its_files(draft: Maker) -> None:
    product = draft()
    kept, removed = add_photo(product, "1"), add_photo(product, "2")
    with db.unit_of_work():
        photo_changes.remove_photo(product.id, removed.id)
    assert photo_ids(product) == [kept.id]
    bucket = photo_files.photo_bucket()
    assert [bucket.get_size(key) for key in (removed.key, *(size.key for size in removed.sizes))] == [None] * 4
    assert bucket.get_size(kept.key) is not None
    [entry] = audit_entries("remove_photo")
    assert (entry["before"], entry["after"]) == ({"photo_ids": [kept.id, removed.id]}, {"photo_ids": [kept.id]})
    with pytest.raises(PhotoNotFound), db.unit_of_work():
        photo_changes.remove_photo(product.id, removed.id)


@pytest.mark.story("mf-op-02")
def test_photos_are_reordered(draft: Maker) -> None:
    product = draft()
    first, second = add_photo(product, "1"), add_photo(product, "2")
    read = product_store.get_product(product.id)
    for wrong in ([first.id], [first.id, first.id], [first.id, second.id, id_of("pho", "x")]):
        with pytest.raises(PhotosDiffer), db.unit_of_work():
            photo_changes.reorder_photos(read, wrong)
    with db.unit_of_work():
        changed = photo_changes.reorder_photos(read, [second.id, first.id])
    assert [photo.id for photo in changed.photos] == photo_ids(product) == [second.id, first.id]
    assert changed.photos == [second, first]
    [entry] = audit_entries("reorder_photos")
    assert (entry["before"], entry["after"]) == (
        {"photo_ids": [first.id, second.id]},
        {"photo_ids": [second.id, first.id]},
    )
    with pytest.raises(ProductChangedConcurrently), db.unit_of_work():
        photo_changes.reorder_photos(read, [first.id, second.id])


def test_photos_of_a_held_product_cannot_be_changed(draft: Maker) -> None:
    product = draft()
    photo = add_photo(product, "1")
    product_store.products_collection().update_one({"_id": product.id}, {"$set": {"state": "held"}})
    with pytest.raises(IllegalTransition), db.unit_of_work():
        photo_changes.remove_photo(product.id, photo.id)
    with pytest.raises(IllegalTransition), db.unit_of_work():
        photo_changes.reorder_photos(product_store.get_product(product.id), [photo.id])


def large_picture() -> bytes:
    """A rotated photo with metadata of the camera."""
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010F] = "A camera of Ana"
    Image.effect_noise((2000, 1600), 40).convert("RGB").save(content, "JPEG", exif=exif)
    return content.getvalue()


def test_a_photo_has_several_sizes_that_may_be_cached_forever(draft: Maker) -> None:
    product, content = draft(), large_picture()
    ticket = announce(product, len(content), "image/jpeg")
    upload(ticket, content)
    shown = PhotoSchema().dump(complete(product, ticket))
    assert [(size["name"], size["width"], size["height"]) for size in shown["sizes"]] == [
        ("thumbnail", 160, 200),
        ("card", 480, 600),
        ("large", 1200, 1500),
    ]
    assert (shown["url"], shown["width"], shown["height"]) == (shown["sizes"][-1]["url"], 1200, 1500)
    lengths = []
    for size in shown["sizes"]:
        response = httpx.get(size["url"])
        assert response.headers["content-type"] == "image/webp"
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        with Image.open(io.BytesIO(response.content)) as image:
            assert (image.format, image.size) == ("WEBP", (size["width"], size["height"]))
            assert not image.getexif(), "no metadata of the camera is published"
        lengths.append(len(response.content))
    assert lengths == sorted(lengths)


def test_an_upload_is_completed_once_s3_is_available_again(draft: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    product, content = draft(), picture()
    ticket = announce(product, len(content))
    upload(ticket, content)

    def fail(*_arguments: Any, **_more: Any) -> bytes:
        raise PhotoStoreUnavailable("Repeat the request in a moment.")

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "read", fail)
        with pytest.raises(PhotoStoreUnavailable):
            complete(product, ticket)
    assert [size.width for size in complete(product, ticket).sizes] == [60, 60, 60], "a photo is never enlarged"


def store_outdated_photo(product: Product, content: bytes, name: str) -> str:
    """Store a photo with one rendition only, and return the key of the rendition."""
    key, card = f"originals/{product.id}/{name}.png", f"products/{product.id}/{name}-card.png"
    for file in (key, card):
        photo_files.photo_bucket().write(file, content, "image/png")
    size = PhotoSize("card", card, 60, 80)
    photo = photo_store.photo_to_document(Photo(id_of("pho", name), key, "image/png", 60, 80, (size,)))
    product_store.products_collection().update_one(
        {"_id": product.id}, {"$push": {"photos": photo}, "$unset": {"photos_version": ""}}
    )
    return card


def test_outdated_photos_are_rebuilt_once_and_a_broken_document_does_not_block_them(draft: Maker) -> None:
    good, broken = draft(), draft()
    product_store.products_collection().update_one(
        {"_id": broken.id}, {"$set": {"photos": "none"}, "$unset": {"photos_version": ""}}
    )
    store_outdated_photo(good, picture(), "a")
    store_outdated_photo(good, picture()[:-30], "not decodable")
    before = product_store.get_product(good.id)
    planned = {report["product"]: report["photos"] for report in rebuild.rebuild_photos(0, dry_run=True)}
    assert planned == {good.id: [photo.id for photo in before.photos], broken.id: []}
    assert product_store.get_product(good.id) == before
    reports = {report["product"]: report for report in rebuild.rebuild_photos(0)}
    assert reports[good.id] == {"product": good.id, "photos": [id_of("pho", "a")]}
    assert "failed" in reports[broken.id]
    rebuilt, unchanged = product_store.get_product(good.id).photos
    assert (rebuilt.id, rebuilt.width, len(rebuilt.sizes)) == (id_of("pho", "a"), 60, 3)
    assert unchanged == before.photos[1]
    assert product_store.get_product(good.id).version == before.version
    assert rebuild.rebuild_photos(0) == []
