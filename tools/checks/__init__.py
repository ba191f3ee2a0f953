"""Checks of a change before its release."""
