"""Drawn pictures of clothes for the demo data: a garment in its colour on a soft background.

The shapes of a category are drawn once, at twice the size for smooth edges, and cached as masks. A picture is then
a few fills through masks, so that hundreds take a second or two.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from services.shopping.demo.garments import COLOURS, GARMENTS

WIDTH, HEIGHT = 600, 800
SCALE = 2
BACKGROUNDS = ("#efe9e1", "#e6ebe7", "#e9e6ee", "#f1ece4", "#e4eaef")
BRASS = (201, 179, 126)
PATTERNED = ("dresses", "shirts", "t-shirts", "knitwear", "skirts", "shorts", "scarves")
PATTERNS = ("plain", "plain", "plain", "stripes", "checks", "dots")

# "half" shapes are mirrored in the middle, "whole" ones are not; a single point is a button.
Shape = tuple[str, Sequence[tuple[float, float]]]


def draw_garment(category: str, colour: str, number: int) -> bytes:
    """A JPEG of a garment; `number` varies the background and the pattern of the cloth."""
    cloth = _parse_colour(COLOURS[colour])
    picture = _draw_background(BACKGROUNDS[number % len(BACKGROUNDS)]).copy()
    fills = [("cloth", cloth)]
    if category in PATTERNED:
        fills.append((PATTERNS[number % len(PATTERNS)], _mix(cloth, 255, 0.3)))
    fills += [("shade", _mix(cloth, 0, 0.18)), ("dark", _mix(cloth, 0, 0.55)), ("buttons", BRASS)]
    for layer, fill in fills:
        box, mask = _draw_layer(category, layer)
        if mask is not None:
            picture.paste(fill, box, mask)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=82)
    return content.getvalue()


def _parse_colour(text: str) -> tuple[int, int, int]:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _mix(colour: tuple[int, int, int], grey: int, share: float) -> tuple[int, int, int]:
    red, green, blue = (round(part + (grey - part) * share) for part in colour)
    return red, green, blue


@cache
def _draw_background(colour: str) -> Image.Image:
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
def _draw_layer(category: str, layer: str) -> tuple[tuple[int, int, int, int] | None, Image.Image | None]:
    """The bounding box of a layer and its mask; None and None when the category has no such layer."""
    shapes = GARMENTS[category]["layers"].get(layer, ())
    mask = _draw_pattern(category, layer) if layer in PATTERNS else _draw_mask(shapes)
    box = mask.getbbox()
    return (box, mask.crop(box)) if box else (None, None)


def _draw_mask(shapes: Sequence[Shape]) -> Image.Image:
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


def _draw_pattern(category: str, pattern: str) -> Image.Image:
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
    return ImageChops.multiply(_draw_mask(GARMENTS[category]["layers"]["cloth"]), marks)
