#!/bin/bash
# The web server under the name that each line knows, and whether a component is well.
set -euo pipefail
version=$(python -c 'from importlib.metadata import version; print(version("apache-airflow"))')
case "${1:-} ${2:-}" in
"web ")
    if [[ $version == 2.* ]]; then exec airflow webserver; else exec airflow api-server; fi
    ;;
"health web" | "health triggerer" | "health dag_processor")
    path=/api/v2/monitor/health
    if [[ $version == 2.* ]]; then path=/health; fi
    # The web server knows the heartbeats of all; Airflow's own check costs seconds of imports.
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
    echo "usage: $0 web | health web|triggerer|dag_processor" >&2
    exit 2
    ;;
esac
