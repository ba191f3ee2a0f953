"""The documentation sites: static pages without external resources."""

from tools.publishing.site.build import build_site

__all__ = ["build_site"]
