"""Labels of packages, 100 by 60 mm, as PDF and PNG: the tracking code as Code 128 and as QR code.

They show no person and no address: whoever finds a package learns nothing about its donor or buyer.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import barcode
import segno
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from services.admin.packages.tracking_codes import for_people

WIDTH_MM, HEIGHT_MM = 100.0, 60.0
DOTS_PER_MM = 8  # a label printer of 203 dpi
BAR_MM = 0.5  # the narrowest bar: four dots
QR_MODULE_MM = 1.0


@dataclass(frozen=True)
class Bar:
    """A black rectangle; in mm from the upper left corner of the label."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """A line of text; its baseline in mm from the upper left corner, its size in mm."""

    left: float
    baseline: float
    size: float
    text: str


def as_pdf(tracking_code: str) -> bytes:
    """The label as a PDF page of its size."""
    output = io.BytesIO()
    canvas = Canvas(output, pagesize=(WIDTH_MM * mm, HEIGHT_MM * mm), invariant=1)
    canvas.setTitle(f"Label {tracking_code}")
    for bar in _bars(tracking_code):
        bottom = HEIGHT_MM - bar.top - bar.height
        canvas.rect(bar.left * mm, bottom * mm, bar.width * mm, bar.height * mm, stroke=0, fill=1)
    for line in _lines(tracking_code):
        canvas.setFont("Helvetica", line.size * mm)
        canvas.drawString(line.left * mm, (HEIGHT_MM - line.baseline) * mm, line.text)
    canvas.save()
    return output.getvalue()


def as_png(tracking_code: str) -> bytes:
    """The label as a black-and-white image, one pixel for each dot of the printer."""
    image = Image.new("1", (_dots(WIDTH_MM), _dots(HEIGHT_MM)), 1)
    draw = ImageDraw.Draw(image)
    for bar in _bars(tracking_code):
        right, bottom = _dots(bar.left + bar.width) - 1, _dots(bar.top + bar.height) - 1
        draw.rectangle((_dots(bar.left), _dots(bar.top), right, bottom), fill=0)
    for line in _lines(tracking_code):
        font = ImageFont.load_default(_dots(line.size))
        draw.text((_dots(line.left), _dots(line.baseline)), line.text, font=font, fill=0, anchor="ls")
    output = io.BytesIO()
    image.save(output, "PNG", dpi=(DOTS_PER_MM * 25.4, DOTS_PER_MM * 25.4))
    return output.getvalue()


def _dots(length_mm: float) -> int:
    return round(length_mm * DOTS_PER_MM)


def _bars(code: str) -> Iterator[Bar]:
    [modules] = barcode.get("code128", code).build()
    left = (WIDTH_MM - len(modules) * BAR_MM) / 2
    for start, length in _runs([module == "1" for module in modules]):
        yield Bar(left + start * BAR_MM, 33, length * BAR_MM, 18)
    for row, dark in enumerate(segno.make(code, micro=False).matrix):
        for start, length in _runs([bool(module) for module in dark]):
            yield Bar(72 + start * QR_MODULE_MM, 6 + row * QR_MODULE_MM, length * QR_MODULE_MM, QR_MODULE_MM)


def _runs(modules: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """(start, length) of each run of dark modules."""
    start = None
    for position, dark in enumerate([*modules, False]):
        if dark and start is None:
            start = position
        elif not dark and start is not None:
            yield start, position - start
            start = None


def _lines(code: str) -> Iterator[Line]:
    yield Line(7, 13, 7, "ReClothes")
    yield Line(7, 22, 4, "Scan either code")
    yield Line(20, 57, 5, for_people(code))
