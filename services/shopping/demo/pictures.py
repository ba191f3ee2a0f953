"""Drawn pictures of clothes for the demo data: a garment in its colour on a soft background.

The shapes of a category are drawn once, at twice the size for smooth edges, and cached as masks. A picture is then
a few fills through masks, so that hundreds take a second or two.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

WIDTH, HEIGHT = 600, 800
SCALE = 2
BACKGROUNDS = ("#efe9e1", "#e6ebe7", "#e9e6ee", "#f1ece4", "#e4eaef")
COLOURS = {
    "navy": "#26355f",
    "black": "#2b2b2e",
    "white": "#f8f6f0",
    "grey": "#8b9096",
    "beige": "#cdb694",
    "brown": "#74513a",
    "red": "#b23a3a",
    "burgundy": "#6e2436",
    "pink": "#d894a6",
    "green": "#4c6d4e",
    "olive": "#73734a",
    "blue": "#4a78ae",
    "yellow": "#d9b03f",
    "orange": "#cb7438",
    "purple": "#6c5089",
    "teal": "#2f7676",
}
BRASS = (201, 179, 126)
PATTERNED = ("dresses", "shirts", "t-shirts", "knitwear", "skirts", "shorts", "scarves")
PATTERNS = ("plain", "plain", "plain", "stripes", "checks", "dots")

Points = Sequence[tuple[float, float]]
# The layers of each category: cloth (in its colour), shade, dark (lines, soles) and buttons (single points). A
# shape is a left half, which is mirrored in the middle, or a whole.
Shape = tuple[str, Points]
SHAPES: dict[str, dict[str, Sequence[Shape]]] = {
    "coats": {
        "cloth": [("half", [(300, 130), (235, 120), (185, 160), (150, 690), (300, 700)])],
        "shade": [
            ("half", [(190, 158), (120, 230), (92, 540), (140, 552), (182, 300)]),
            ("half", [(300, 300), (262, 122), (240, 120), (232, 230), (262, 262)]),
        ],
        "dark": [("whole", [(298, 300), (302, 300), (302, 700), (298, 700)])],
        "buttons": [("half", [(278, y)]) for y in (350, 430, 510)],
    },
    "jackets": {
        "cloth": [("half", [(300, 170), (240, 150), (180, 190), (172, 570), (300, 575)])],
        "shade": [
            ("half", [(184, 190), (118, 265), (96, 540), (146, 552), (180, 340)]),
            ("half", [(172, 545), (300, 550), (300, 575), (172, 570)]),
        ],
        "dark": [("whole", [(297, 170), (303, 170), (303, 575), (297, 575)])],
    },
    "dresses": {
        "cloth": [
            (
                "half",
                [(300, 190), (255, 180), (252, 120), (236, 120), (222, 220), (236, 360), (150, 700), (300, 715)],
            )
        ],
        "shade": [("half", [(236, 352), (300, 358), (300, 378), (231, 372)])],
        "dark": [],
    },
    "shirts": {
        "cloth": [
            ("half", [(300, 165), (250, 145), (190, 175), (196, 610), (300, 622)]),
            ("half", [(194, 175), (120, 260), (105, 470), (152, 478), (194, 330)]),
        ],
        "shade": [("half", [(300, 200), (262, 140), (246, 146), (262, 208), (292, 222)])],
        "dark": [("whole", [(299, 205), (301, 205), (301, 620), (299, 620)])],
        "buttons": [("whole", [(300, y)]) for y in (250, 320, 390, 460, 530)],
    },
    "t-shirts": {
        "cloth": [
            ("half", [(300, 205), (258, 180), (200, 200), (196, 600), (300, 606)]),
            ("half", [(206, 198), (118, 280), (160, 342), (200, 306)]),
        ],
        "shade": [("half", [(300, 216), (256, 182), (246, 186), (276, 224), (300, 232)])],
        "dark": [],
    },
    "knitwear": {
        "cloth": [
            ("half", [(300, 190), (254, 172), (196, 196), (184, 580), (300, 586)]),
            ("half", [(200, 194), (124, 270), (98, 540), (146, 548), (192, 350)]),
        ],
        "shade": [
            ("half", [(300, 206), (256, 174), (244, 178), (270, 224), (300, 232)]),
            ("half", [(184, 556), (300, 560), (300, 586), (184, 580)]),
            ("half", [(100, 516), (150, 524), (146, 548), (98, 540)]),
        ],
        "dark": [],
    },
    "trousers": {
        "cloth": [("half", [(300, 140), (210, 140), (196, 300), (178, 720), (258, 724), (300, 330)])],
        "shade": [("half", [(300, 140), (210, 140), (208, 172), (300, 172)])],
        "dark": [("half", [(228, 190), (230, 190), (216, 710), (213, 710)])],
    },
    "jeans": {
        "cloth": [("half", [(300, 140), (206, 140), (192, 310), (188, 720), (262, 722), (300, 320)])],
        "shade": [
            ("half", [(300, 140), (206, 140), (203, 176), (300, 176)]),
            ("half", [(203, 190), (250, 190), (238, 240), (200, 226)]),
        ],
        "dark": [("whole", [(299, 176), (301, 176), (301, 300), (299, 300)])],
        "buttons": [("whole", [(300, 158)])],
    },
    "skirts": {
        "cloth": [("half", [(300, 200), (222, 200), (140, 610), (300, 630)])],
        "shade": [
            ("half", [(300, 200), (222, 200), (216, 232), (300, 232)]),
            ("half", [(250, 240), (256, 240), (222, 622), (204, 620)]),
        ],
        "dark": [],
    },
    "shorts": {
        "cloth": [("half", [(300, 230), (204, 230), (170, 520), (286, 536), (300, 400)])],
        "shade": [("half", [(300, 230), (204, 230), (200, 264), (300, 264)])],
        "dark": [("half", [(172, 500), (288, 516), (287, 520), (171, 504)])],
    },
    "shoes": {
        "cloth": [
            (
                "whole",
                [(110, 400), (150, 380), (235, 398), (310, 455), (440, 482), (500, 522), (502, 545), (110, 545)],
            )
        ],
        "shade": [("whole", [(238, 400), (312, 455), (378, 470), (330, 500), (250, 470)])],
        "dark": [("whole", [(104, 545), (506, 545), (500, 574), (110, 574)])],
    },
    "bags": {
        "cloth": [("whole", [(150, 340), (450, 340), (490, 640), (110, 640)])],
        "shade": [("whole", [(150, 340), (450, 340), (468, 470), (300, 510), (132, 470)])],
        "dark": [
            (
                "whole",
                [(210, 340), (226, 340), (240, 230), (360, 230), (374, 340), (390, 340), (372, 214), (228, 214)],
            )
        ],
        "buttons": [("whole", [(300, 496)])],
    },
    "scarves": {
        "cloth": [
            ("whole", [(230, 150), (370, 150), (382, 250), (218, 250)]),
            ("whole", [(226, 240), (310, 240), (286, 680), (180, 670)]),
            ("whole", [(300, 240), (376, 240), (410, 600), (316, 610)]),
        ],
        "shade": [("whole", [(226, 232), (376, 232), (380, 258), (222, 258)])],
        "dark": [],
    },
}


def draw_garment(category: str, colour: str, number: int) -> bytes:
    """A JPEG of a garment; `number` varies the background and the pattern of the cloth."""
    cloth = _rgb(COLOURS[colour])
    picture = _background(BACKGROUNDS[number % len(BACKGROUNDS)]).copy()
    fills = [("cloth", cloth)]
    if category in PATTERNED:
        fills.append((PATTERNS[number % len(PATTERNS)], _mix(cloth, 255, 0.3)))
    fills += [("shade", _mix(cloth, 0, 0.18)), ("dark", _mix(cloth, 0, 0.55)), ("buttons", BRASS)]
    for layer, fill in fills:
        box, mask = _layer(category, layer)
        if mask is not None:
            picture.paste(fill, box, mask)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=82)
    return content.getvalue()


def _rgb(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _mix(colour: tuple[int, int, int], grey: int, share: float) -> tuple[int, int, int]:
    red, green, blue = (round(part + (grey - part) * share) for part in colour)
    return red, green, blue


@cache
def _background(colour: str) -> Image.Image:
    """Lighter at the top, with a blurred shadow on the ground."""
    base = Image.new("RGB", (WIDTH, HEIGHT), colour)
    base.paste((255, 255, 255), mask=Image.linear_gradient("L").rotate(180).resize((WIDTH, HEIGHT)).point(_half))
    shadow = Image.new("L", (WIDTH, HEIGHT), 0)
    ImageDraw.Draw(shadow).ellipse([(120, 690), (480, 760)], fill=70)
    base.paste((60, 55, 50), mask=shadow.filter(ImageFilter.GaussianBlur(18)))
    return base


def _half(value: int) -> int:
    return value // 2


@cache
def _layer(category: str, layer: str) -> tuple[tuple[int, int, int, int] | None, Image.Image | None]:
    """The bounding box of a layer and its mask; None and None when the category has no such layer."""
    shapes = SHAPES[category].get(layer, ())
    mask = _patterned(category, layer) if layer in PATTERNS else _mask(shapes)
    box = mask.getbbox()
    return (box, mask.crop(box)) if box else (None, None)


def _mask(shapes: Sequence[Shape]) -> Image.Image:
    mask = Image.new("L", (WIDTH * SCALE, HEIGHT * SCALE), 0)
    draw = ImageDraw.Draw(mask)
    for kind, points in shapes:
        halves = [points] if kind == "whole" else [points, [(WIDTH - x, y) for x, y in points]]
        for half in halves:
            enlarged = [(x * SCALE, y * SCALE) for x, y in half]
            if len(enlarged) == 1:
                draw.circle(enlarged[0], 8 * SCALE, fill=255)
            else:
                draw.polygon(enlarged, fill=255)
    return mask.resize((WIDTH, HEIGHT), Image.Resampling.BOX)


def _patterned(category: str, pattern: str) -> Image.Image:
    """The mask of the pattern on the cloth of a category; empty when it is plain."""
    marks = Image.new("L", (WIDTH, HEIGHT), 0)
    draw = ImageDraw.Draw(marks)
    if pattern == "dots":
        for x in range(15, WIDTH, 30):
            for y in range(15 + x % 60 // 2, HEIGHT, 30):
                draw.circle((x, y), 4, fill=255)
    if pattern in ("stripes", "checks"):
        for y in range(0, HEIGHT, 32):
            draw.rectangle([(0, y), (WIDTH, y + 10)], fill=255)
    if pattern == "checks":
        for x in range(0, WIDTH, 32):
            draw.rectangle([(x, 0), (x + 10, HEIGHT)], fill=200)
    return ImageChops.multiply(_mask(SHAPES[category]["cloth"]), marks)
