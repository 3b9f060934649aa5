#!/bin/sh
# `docker-compose exec spark-consumer cryptoassets status` passes by the entrypoint.
exec entrypoint python -m cryptoassets.cli "$@"
