"""Creating a release, and the delivery pipeline on one machine."""
