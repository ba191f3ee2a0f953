"""Rebuilds the search terms of products that were stored under other rules; may be repeated at any time."""

from __future__ import annotations

from libs.chassis import jobs, skipped_items
from services.shopping.document_store import Document
from services.shopping.products.product_store import WITHOUT_INDEX_FIELDS, products_collection, update_products
from services.shopping.search import spelling
from services.shopping.search.terms import TERMS_VERSION, build_index_fields, list_spelling_words

BATCH_SIZE = 100


def rebuild_search_index(limit: int = BATCH_SIZE, *, dry_run: bool = False) -> list[Document]:
    """Rebuild the terms of up to `limit` products (0: all) and report each; with `dry_run` nothing is written.

    A product whose terms cannot be built is logged, counted and left as it is.
    """
    outdated = {"terms_version": {"$in": [None, *range(1, TERMS_VERSION)]}}
    documents = products_collection().find(outdated, WITHOUT_INDEX_FIELDS).limit(limit)
    return [_rebuild_or_skip(document, dry_run) for document in documents]


def _rebuild_or_skip(document: Document, dry_run: bool) -> Document:
    report: Document = {"product": document["_id"], "terms_version": document.get("terms_version")}
    fields: Document = {"terms_version": TERMS_VERSION}
    words: set[str] = set()
    try:
        fields, words = build_index_fields(document), list_spelling_words(document)
    except skipped_items.ITEM_FAULTS as error:
        jobs.report_failure("rebuild_search_index", str(document["_id"]), error)
        report["failed"] = type(error).__name__
    if not dry_run:
        spelling.add_words(words)
        # A concurrent edit has already built the terms.
        update_products({"_id": document["_id"], "version": document.get("version")}, {"$set": fields})
    return report
