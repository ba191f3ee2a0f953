"""From a commit to a release: checks, what is published, roll-outs (`python -m libs.delivery --help`)."""
