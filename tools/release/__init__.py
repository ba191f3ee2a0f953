"""From a commit to a release: checks, what is published, roll-outs (`python -m tools.release --help`)."""
