"""Labels are read by a real decoder, also turned, small and pale."""

from __future__ import annotations

import io

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageEnhance

from services.admin.packages import labels, tracking_codes
from services.admin.packages.labels import DOTS_PER_MM, HEIGHT_MM, WIDTH_MM

BOTH = {(zxingcpp.BarcodeFormat.Code128), (zxingcpp.BarcodeFormat.QRCode)}


def picture_of_pdf(pdf: bytes, dots_per_inch: int = 203) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    picture: Image.Image = document[0].render(scale=dots_per_inch / 72).to_pil()
    return picture


def codes_on(picture: Image.Image) -> dict[object, str]:
    return {found.format: found.text for found in zxingcpp.read_barcodes(picture.convert("L"))}


@pytest.fixture(params=["pdf", "png"])
def label(request: pytest.FixtureRequest) -> tuple[str, Image.Image]:
    code = tracking_codes.new_code()
    if request.param == "pdf":
        return code, picture_of_pdf(labels.as_pdf(code))
    return code, Image.open(io.BytesIO(labels.as_png(code)))


def test_a_scanner_reads_both_codes(label: tuple[str, Image.Image]) -> None:
    code, picture = label
    assert codes_on(picture) == dict.fromkeys(BOTH, code)


@pytest.mark.parametrize("turned", [90, 180, 7])
def test_a_scanner_reads_a_rotated_label(label: tuple[str, Image.Image], turned: int) -> None:
    code, picture = label
    seen = picture.convert("L").rotate(turned, expand=True, fillcolor=255)
    assert code in codes_on(seen).values()


def test_a_scanner_reads_a_pale_label(label: tuple[str, Image.Image]) -> None:
    code, picture = label
    pale = ImageEnhance.Contrast(picture.convert("L")).enhance(0.3)
    assert codes_on(pale) == dict.fromkeys(BOTH, code)


def test_a_label_has_the_size_of_the_paper() -> None:
    code = tracking_codes.new_code()
    picture = Image.open(io.BytesIO(labels.as_png(code)))
    assert picture.size == (WIDTH_MM * DOTS_PER_MM, HEIGHT_MM * DOTS_PER_MM)
    width, height = pypdfium2.PdfDocument(labels.as_pdf(code))[0].get_size()
    assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (WIDTH_MM, HEIGHT_MM)


def test_a_label_shows_the_code_and_no_personal_data() -> None:
    code = tracking_codes.new_code()
    text = pypdfium2.PdfDocument(labels.as_pdf(code))[0].get_textpage().get_text_range()
    assert text.split("\r\n") == ["ReClothes", "Scan either code", tracking_codes.for_people(code)]


def test_labels_are_reproducible() -> None:
    code = tracking_codes.new_code()
    assert labels.as_pdf(code) == labels.as_pdf(code)
    assert labels.as_png(code) == labels.as_png(code)
