#!/bin/sh
# Mongo Express reads passwords from files, but not the URL of MongoDB.
set -eu
ME_CONFIG_MONGODB_URL="$(cat /run/cryptoassets/mongo-url)"
export ME_CONFIG_MONGODB_URL
exec /docker-entrypoint.sh mongo-express
