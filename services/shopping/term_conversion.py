"""Search terms that earlier releases stored are made again by the present rules; may be repeated at any time."""

from __future__ import annotations

from libs.chassis import jobs, skipped_items
from services.shopping import page_memory, product_store, vocabulary
from services.shopping.products import Document
from services.shopping.search_terms import TERMS_VERSION, vocabulary_of

BATCH_SIZE = 100


def convert_terms(limit: int = BATCH_SIZE, *, dry_run: bool = False) -> list[Document]:
    """Converts the terms of so many products (0: all) and reports each; with `dry_run` nothing is written.

    A product whose terms cannot be made is logged, counted and left as it is.
    """
    older = {"terms_version": {"$in": [None, *range(1, TERMS_VERSION)]}}
    found = product_store.products_collection().find(older, product_store.WITHOUT_TERMS).limit(limit)
    return [_convert_or_skip(document, dry_run) for document in found]


def _convert_or_skip(document: Document, dry_run: bool) -> Document:
    report: Document = {"product": document["_id"], "terms_version": document.get("terms_version")}
    fields: Document = {"terms_version": TERMS_VERSION}
    words: set[str] = set()
    try:
        fields, words = product_store.found_by(document), vocabulary_of(document)
    except skipped_items.ITEM_FAULTS as error:
        jobs.report_failure("refresh_search_terms", str(document["_id"]), error)
        report["failed"] = type(error).__name__
    if not dry_run:
        vocabulary.learn(words)
        # Only if nobody edited it meanwhile: whoever did has made its terms.
        as_read = {"_id": document["_id"], "version": document.get("version")}
        product_store.products_collection().update_one(as_read, {"$set": fields})
        page_memory.forget()
    return report
