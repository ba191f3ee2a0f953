"""The documents from which Amazon API Gateway makes the gateways, and what goes beside them."""

from tools.gateway.amazon.document import import_document
from tools.gateway.amazon.overrides import Overrides
from tools.gateway.amazon.stage import stage_settings

__all__ = ["Overrides", "import_document", "stage_settings"]
