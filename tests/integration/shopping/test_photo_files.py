"""Files that no photo uses any more are deleted, despite crashes and an unavailable S3 (story d-po-06)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from libs.chassis import aws, clock, db, security
from libs.chassis.object_store import Bucket, PhotoStoreUnavailable
from libs.chassis.uploads import TooManyPhotos
from services.shopping.photos import photo_changes, photo_files, photo_store, rebuild, renditions
from services.shopping.products import product_store
from services.shopping.products.rules import Photo, Product, ProductChangedConcurrently
from services.shopping.settings import ShoppingSettings
from tests.integration.shopping.conftest import MANAGER, crash_before_commit, id_of
from tests.integration.shopping.test_photos import (
    add_photo,
    announce,
    complete,
    photo_ids,
    picture,
    store_outdated_photo,
    upload,
)

Maker = Callable[..., Product]
pytestmark = pytest.mark.story("d-po-06")


@pytest.fixture(autouse=True)
def bucket(shopping: ShoppingSettings) -> Iterator[None]:
    photo_files.photo_bucket().create_if_missing()
    with security.use_principal(MANAGER):
        yield


def public_files(product: Product) -> set[str]:
    where = {"Bucket": photo_files.photo_bucket().name, "Prefix": f"products/{product.id}/"}
    return {found["Key"] for found in aws.s3().list_objects_v2(**where).get("Contents", [])}  # type: ignore[arg-type]


def shown_files(product: Product) -> set[str]:
    shown = product_store.get_product(product.id).photos
    return {size.key for photo in shown for size in photo.sizes}


def stored(product: Product) -> dict[str, Any]:
    return product_store.products_collection().find_one({"_id": product.id}) or {}


def delete_due_later() -> None:
    with clock.freeze(clock.now() + timedelta(minutes=11)):
        photo_files.delete_due_files()


def fail_unavailable(*_arguments: Any) -> None:
    raise PhotoStoreUnavailable("Repeat the request in a moment.")


def test_old_renditions_are_deleted_once_no_open_page_shows_them(draft: Maker) -> None:
    product = draft()
    old = store_outdated_photo(product, picture(), "a")
    rebuild.rebuild_photos()
    assert public_files(product) == {old, *shown_files(product)}
    with clock.freeze(clock.now() + timedelta(minutes=61)):
        photo_files.delete_due_files()
    assert public_files(product) == shown_files(product)
    assert stored(product)["files_to_delete"] == stored(product)["unconfirmed_files"] == []


def test_a_photo_that_fails_is_rebuilt_later_and_does_not_block_others(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, write_renditions = draft(), renditions.write_renditions
    for name in ("a", "b"):
        store_outdated_photo(product, picture(), name)

    def fail(product_id: str, photo_id: str, *more: Any) -> Photo:
        if photo_id == id_of("pho", "a"):
            raise MemoryError
        return write_renditions(product_id, photo_id, *more)

    with monkeypatch.context() as patch:
        patch.setattr(renditions, "write_renditions", fail)
        [report] = rebuild.rebuild_photos()
    assert (report["failed"], report["photos"]) == ("MemoryError", [id_of("pho", "b")])
    assert len(shown_files(product)) == 1 + 3
    assert rebuild.rebuild_photos() == [], "the retry is not due yet"
    assert [report["product"] for report in rebuild.rebuild_photos(dry_run=True)] == [product.id]
    with clock.freeze(clock.now() + timedelta(minutes=3)):
        rebuild.rebuild_photos()
    assert len(shown_files(product)) == 6
    assert "photos_attempts" not in stored(product)


def test_a_product_whose_rebuild_kills_the_worker_does_not_block_others(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = [draft(), draft()]
    for product in products:
        store_outdated_photo(product, picture(), product.id)

    def kill(*_arguments: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(renditions, "write_renditions", kill)
        with pytest.raises(SystemExit):
            rebuild.rebuild_photos(1)
    [report] = rebuild.rebuild_photos(1)
    killed = next(product for product in products if product.id != report["product"])
    assert stored(killed)["photos_attempts"] == 1


@pytest.mark.story("mf-op-02")
@pytest.mark.parametrize("fault", ["S3 is unavailable", "the process dies"])
def test_files_of_a_removed_photo_are_eventually_deleted(
    draft: Maker, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    product = draft()
    photo = add_photo(product, "1")
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "delete", fail_unavailable)
        with crash_before_commit() if fault == "the process dies" else db.unit_of_work():
            photo_changes.remove_photo(product.id, photo.id)
    assert len(public_files(product)) == 3
    photo_files.delete_due_files()
    assert public_files(product) == set()
    assert photo_files.photo_bucket().get_size(photo.key) is None


def test_the_loser_of_two_concurrent_completions_leaves_no_files(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, make = draft(), renditions.write_renditions
    ticket = announce(product, len(picture()))
    upload(ticket, picture())

    def complete_late(*arguments: Any) -> Photo:
        photo = make(*arguments)
        monkeypatch.setattr(renditions, "write_renditions", make)
        complete(product, ticket)
        return photo

    monkeypatch.setattr(renditions, "write_renditions", complete_late)
    complete(product, ticket)
    assert len(public_files(product)) == 6
    delete_due_later()
    assert public_files(product) == shown_files(product)
    [photo] = product_store.get_product(product.id).photos
    assert photo_files.photo_bucket().get_size(photo.key) is not None


def test_a_completion_that_finds_the_product_full_leaves_no_files(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_changes, "MAX_PHOTOS", 1)
    product, make = draft(), renditions.write_renditions
    tickets = [announce(product, len(picture()), name=name) for name in ("1", "2")]
    for ticket in tickets:
        upload(ticket, picture())

    def complete_late(*arguments: Any) -> Photo:
        photo = make(*arguments)
        monkeypatch.setattr(renditions, "write_renditions", make)
        complete(product, tickets[1])
        return photo

    monkeypatch.setattr(renditions, "write_renditions", complete_late)
    with pytest.raises(TooManyPhotos):
        complete(product, tickets[0])
    delete_due_later()
    assert public_files(product) == shown_files(product)
    assert len(shown_files(product)) == 3


def test_a_completion_whose_process_dies_leaves_no_files_and_can_be_repeated(
    draft: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = draft()
    ticket = announce(product, len(picture()))
    upload(ticket, picture())

    def crash(*_arguments: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(photo_store, "add_photo", crash)
        with pytest.raises(SystemExit):
            complete(product, ticket)
    complete(product, ticket)
    delete_due_later()
    assert public_files(product) == shown_files(product)
    assert len(shown_files(product)) == 3


def test_a_file_that_cannot_be_deleted_does_not_block_others(draft: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    product, delete = draft(), Bucket.delete
    past = clock.now() - timedelta(minutes=1)
    entries = ["no entry", {"at": past}, {"key": "products/refused", "at": past}, {"key": "products/x", "at": past}]
    photo_files.photo_bucket().write("products/x", b"x", "image/png")
    product_store.products_collection().update_one({"_id": product.id}, {"$set": {"files_to_delete": entries}})

    def fail_for_one(bucket: Bucket, key: str) -> None:
        if key == "products/refused":
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "DeleteObject")
        delete(bucket, key)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "delete", fail_for_one)
        photo_files.delete_due_files()
    assert photo_files.photo_bucket().get_size("products/x") is None
    assert [entry["at"] > clock.now() for entry in stored(product)["files_to_delete"]] == [True] * 3
    delete_due_later()
    assert "products/refused" not in str(stored(product)["files_to_delete"])


@pytest.mark.story("mf-op-02")
def test_reordering_photos_does_not_undo_their_rebuild(draft: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    product = draft()
    for name in ("a", "b"):
        store_outdated_photo(product, picture(), name)
    read, change = product_store.get_product(product.id), photo_changes.change
    ids = [photo.id for photo in read.photos]

    def rebuild_before(*arguments: Any, **more: Any) -> Product:
        rebuild.rebuild_photos()
        return change(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(photo_changes, "change", rebuild_before)
        with pytest.raises(ProductChangedConcurrently), db.unit_of_work():
            photo_changes.reorder_photos(read, ids[::-1])
    assert len(shown_files(product)) == 6
    with db.unit_of_work():
        photo_changes.reorder_photos(read, ids[::-1])
    assert photo_ids(product) == ids[::-1]
    assert len(shown_files(product)) == 6
