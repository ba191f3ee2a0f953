"""The clusters: one kOps cluster in each service's network, built from the outputs of the infrastructure."""

from tools.deployment.clusters.manifests import manifests_of, node_metrics_of, write_manifests
from tools.deployment.clusters.outputs import Outputs, from_cdk, read_outputs

__all__ = ["Outputs", "from_cdk", "manifests_of", "node_metrics_of", "read_outputs", "write_manifests"]
