"""The compose file: checks without a Docker daemon, and tests of the running platform."""
