"""What is generated from the schemas of the events in `openapi/events/`."""
