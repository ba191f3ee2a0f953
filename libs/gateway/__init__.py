"""Builds the gateways from the contracts and `gateway-config/`: locally Envoy's configuration."""
