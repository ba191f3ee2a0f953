"""The documents that Amazon API Gateway imports, and the settings that they cannot contain."""

from tools.gateway.amazon.document import import_document
from tools.gateway.amazon.overrides import Overrides
from tools.gateway.amazon.stage import stage_settings

__all__ = ["Overrides", "import_document", "stage_settings"]
