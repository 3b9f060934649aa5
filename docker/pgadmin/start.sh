#!/bin/sh
# pgAdmin connects to the registered server without asking for a password: it copies this file to its
# user's storage at the first start.
set -eu
umask 077
printf 'postgres:5432:*:admin:%s\n' "$POSTGRES_PASSWORD" > /tmp/pgpass
export PGPASS_FILE=/tmp/pgpass
exec /entrypoint.sh "$@"
