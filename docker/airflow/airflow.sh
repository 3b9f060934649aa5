#!/bin/bash
# Starts Airflow's programs, whose names depend on the version, and checks a component's health.
set -euo pipefail
start_file=/opt/airflow/state/since
secrets=/run/cryptoassets
is_airflow_2() { python -c 'from importlib.metadata import version as v; exit(v("apache-airflow")[0] != "2")'; }
case "${1:-} ${2:-}" in
"init ")
    # The image's entrypoint does what these variables say, then runs this script with `note-start`.
    export _AIRFLOW_DB_MIGRATE=true _AIRFLOW_WWW_USER_CREATE=true _AIRFLOW_WWW_USER_USERNAME=admin
    _AIRFLOW_WWW_USER_PASSWORD=$(<"$secrets/admin-password")
    export _AIRFLOW_WWW_USER_PASSWORD
    exec /entrypoint bash "$0" note-start
    ;;
"note-start ")
    # The DAGs schedule nothing before the platform's first start, because there is no earlier data.
    [[ -s $start_file ]] || date -u +%Y-%m-%dT%H:%M:%S > "$start_file"
    echo "This platform was first started at $(<"$start_file") UTC"
    ;;
"fernet-key ")
    # All containers derive the same key from the secret. Otherwise each would generate its own key,
    # and could not decrypt what another container has stored.
    printf %s "$(<"$secrets/secret")" | sha256sum | cut -c 1-64 | tr a-f A-F |
        basenc --base16 -d | basenc --base64url | tr -d '\n'
    ;;
"web " | "scheduler " | "dag-processor " | "triggerer ")
    program=$1
    if [[ $program == web ]]; then
        if is_airflow_2; then program=webserver; else program=api-server; fi
    fi
    export CRYPTOASSETS_FIRST_START=${CRYPTOASSETS_FIRST_START:-$(<"$start_file")}
    exec airflow "$program"
    ;;
"health web" | "health triggerer" | "health dag_processor")
    path=/api/v2/monitor/health
    if is_airflow_2; then path=/health; fi
    # Ask the web server, which knows the heartbeats of all components. Airflow's own check would take
    # seconds to start.
    exec python -S - "http://airflow-webserver:8080$path" "$2" <<'PYTHON'
import json
import sys
from urllib.request import urlopen

address, component = sys.argv[1:]
state = json.load(urlopen(address, timeout=15))
sys.exit(component != "web" and state[component]["status"] != "healthy")
PYTHON
    ;;
*)
    echo "usage: $0 init | note-start | fernet-key | web | scheduler | dag-processor | triggerer |" \
        "health web|triggerer|dag_processor" >&2
    exit 2
    ;;
esac
