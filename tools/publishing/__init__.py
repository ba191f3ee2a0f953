"""What is published of the contracts: the documentation sites and the SDKs."""
