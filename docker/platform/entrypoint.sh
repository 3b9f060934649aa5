#!/bin/sh
# Without a key and without a URL the source is the simulator, which is a separate service here. The
# compose file cannot express this condition, so this script does.
set -eu
if [ -z "${COINCAP_URL:-}${COINCAP_API_KEY:-}" ]; then
    export COINCAP_URL=http://coincap-simulator:8800
fi
exec "$@"
