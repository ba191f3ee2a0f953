"""The picture that the demo and the tests upload."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw


def coat_picture() -> bytes:
    """A small drawn coat as PNG bytes."""
    picture = Image.new("RGB", (600, 800), "#efe9e1")
    draw = ImageDraw.Draw(picture)
    draw.polygon([(220, 140), (380, 140), (440, 680), (160, 680)], fill="#1f2a4d")
    draw.polygon([(220, 140), (120, 420), (165, 440), (240, 250)], fill="#1a2342")
    draw.polygon([(380, 140), (480, 420), (435, 440), (360, 250)], fill="#1a2342")
    draw.line([(300, 150), (300, 680)], fill="#0f1630", width=4)
    for height in (260, 360, 460):
        draw.ellipse([(312, height), (328, height + 16)], fill="#c9b37e")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
