"""Services in clusters: the Helm chart, roll-outs with their checks, and the clusters themselves."""
