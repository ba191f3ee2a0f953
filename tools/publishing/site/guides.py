"""The guides: the Markdown files in `docs/` as pages, with links between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

from markdown_it import MarkdownIt

IMAGE_SUFFIXES = (".svg", ".png", ".jpg")


@dataclass(frozen=True)
class Guide:
    """One page, and its file in `docs/`."""

    source: PurePosixPath
    title: str
    body: str

    @property
    def page(self) -> str:
        return str(self.source.with_suffix(".html"))


def read_guides(docs_dir: Path) -> list[Guide]:
    """Read all Markdown files in `docs_dir`, the decisions last."""
    files = sorted(docs_dir.rglob("*.md"), key=lambda file: ("decisions" in file.parts, file))
    guides = {PurePosixPath(file.relative_to(docs_dir).as_posix()): file for file in files}
    return [_guide(source, file, guides) for source, file in guides.items()]


def images(docs_dir: Path) -> list[Path]:
    return [file for file in sorted(docs_dir.rglob("*")) if file.suffix in IMAGE_SUFFIXES]


def _guide(source: PurePosixPath, file: Path, guides: Mapping[PurePosixPath, Path]) -> Guide:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    text = file.read_text()
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    tokens = markdown.parse(text)
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", anchor_of(content.content))
    body = markdown.renderer.render(tokens, markdown.options, {})
    return Guide(source, heading[1] if heading else source.stem, _convert_links(body, source, guides))


def anchor_of(heading: str) -> str:
    """Return the fragment of links to a heading, as on GitHub."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _convert_links(body: str, source: PurePosixPath, guides: Mapping[PurePosixPath, Path]) -> str:
    """Convert links to other guides into links to their pages; links to files outside `docs/` become text."""

    def link(match: re.Match[str]) -> str:
        address, text = match[1], match[2]
        place, hash_, fragment = address.partition("#")
        if "://" in address or not place:
            return match[0]
        target = _normalize(source.parent / place)
        if target in guides:
            return f'<a href="{PurePosixPath(place).with_suffix(".html")}{hash_}{fragment}">{text}</a>'
        return match[0] if target.suffix in IMAGE_SUFFIXES else text

    return re.sub(r'<a href="([^"]*)">(.*?)</a>', link, body, flags=re.DOTALL)


def _normalize(path: PurePosixPath) -> PurePosixPath:
    steps: list[str] = []
    for step in path.parts:
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        elif step != ".":
            steps.append(step)
    return PurePosixPath(*steps)
