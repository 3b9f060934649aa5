#!/bin/sh
# Without a key and without a URL the source is the simulator, here a service of its own. Compose
# cannot say "else" in its file, hence this script.
set -eu
if [ -z "${COINCAP_URL:-}${COINCAP_API_KEY:-}" ]; then
    export COINCAP_URL=http://coincap-simulator:8800
fi
exec "$@"
