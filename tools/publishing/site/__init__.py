"""The published documentation: static pages that fetch nothing from elsewhere."""

from tools.publishing.site.build import build_site

__all__ = ["build_site"]
