"""The project's guides as pages of the published site."""

from __future__ import annotations

import re
from os.path import normpath
from pathlib import PurePosixPath

from tools.project import ROOT
from tools.publishing.site.guides import anchor_of, read_guides

LINK = re.compile(r'<a href="([^"#]*)#([^"]*)"')


def test_links_to_headings_are_valid() -> None:
    pages = {PurePosixPath(guide.page): guide.body for guide in read_guides(ROOT / "docs")}
    links = [
        (page, PurePosixPath(normpath(page.parent / place)) if place else page, anchor)
        for page, body in pages.items()
        for place, anchor in LINK.findall(body)
        if "://" not in place
    ]
    assert links
    assert [link for link in links if f' id="{link[2]}"' not in pages[link[1]]] == []


def test_anchor_is_the_heading_in_lower_case_without_punctuation() -> None:
    assert anchor_of("The client VPN's certificates, `again`") == "the-client-vpns-certificates-again"
