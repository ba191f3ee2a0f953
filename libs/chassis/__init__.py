"""What all services share: the chassis. A service is small because of it."""
