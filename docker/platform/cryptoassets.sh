#!/bin/sh
# Runs the entrypoint, which `docker-compose exec spark-consumer cryptoassets status` would not do.
exec entrypoint python -m cryptoassets.cli "$@"
