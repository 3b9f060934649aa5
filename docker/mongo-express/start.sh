#!/bin/sh
# Starts Mongo Express with MongoDB's URL from a file. Mongo Express itself can read passwords from
# files, but not this URL.
set -eu
ME_CONFIG_MONGODB_URL="$(cat /run/cryptoassets/mongo-url)"
export ME_CONFIG_MONGODB_URL
exec /docker-entrypoint.sh mongo-express
