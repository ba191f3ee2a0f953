"""Builds the gateways from the contracts and `gateway-config/`: for Envoy, and for Amazon API Gateway."""
