#!/bin/sh
# The registered server connects without a typed password: pgAdmin copies this file to its user's
# storage when it first starts.
set -eu
umask 077
printf 'postgres:5432:*:admin:%s\n' "$POSTGRES_PASSWORD" > /tmp/pgpass
export PGPASS_FILE=/tmp/pgpass
exec /entrypoint.sh "$@"
