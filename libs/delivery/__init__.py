"""From a commit to a release: what the pipeline checks, publishes and rolls out (`python -m libs.delivery --help`)."""
