#!/bin/sh
# `docker-compose exec spark-consumer cryptoassets status` does not run the entrypoint by itself.
exec entrypoint python -m cryptoassets.cli "$@"
