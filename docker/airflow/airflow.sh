#!/bin/bash
# Starts Airflow's programs under the names of each version, and checks a component's health.
set -euo pipefail
noted=/opt/airflow/state/since
is_line_2() { python -c 'from importlib.metadata import version as v; exit(v("apache-airflow")[0] != "2")'; }
case "${1:-} ${2:-}" in
"note-start ")
    # The DAGs schedule nothing before the first start: there is nothing to process.
    [[ -s $noted ]] || date -u +%Y-%m-%dT%H:%M:%S > "$noted"
    echo "This platform was first started at $(<"$noted") UTC"
    ;;
"fernet-key ")
    # Otherwise each container would generate its own key and could not read what others have stored.
    printf %s "$AIRFLOW__API__SECRET_KEY" | sha256sum | cut -c 1-64 | tr a-f A-F |
        basenc --base16 -d | basenc --base64url | tr -d '\n'
    ;;
"web " | "scheduler " | "dag-processor " | "triggerer ")
    program=$1
    if [[ $program == web ]]; then
        if is_line_2; then program=webserver; else program=api-server; fi
    fi
    export CRYPTOASSETS_SINCE=${CRYPTOASSETS_SINCE:-$(<"$noted")}
    exec airflow "$program"
    ;;
"health web" | "health triggerer" | "health dag_processor")
    path=/api/v2/monitor/health
    if is_line_2; then path=/health; fi
    # The web server has the heartbeats of all components; Airflow's own check takes seconds to import.
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
    echo "usage: $0 note-start | fernet-key | web | scheduler | dag-processor | triggerer |" \
        "health web|triggerer|dag_processor" >&2
    exit 2
    ;;
esac
