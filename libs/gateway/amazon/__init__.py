"""The documents from which Amazon API Gateway makes the gateways, and what goes beside them."""

from libs.gateway.amazon.document import import_document
from libs.gateway.amazon.place import Place
from libs.gateway.amazon.stage import stage_settings

__all__ = ["Place", "import_document", "stage_settings"]
