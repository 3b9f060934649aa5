#!/bin/bash
# The web server under the name that each line knows, and whether a component is healthy.
set -euo pipefail
version=$(python -c 'from importlib.metadata import version; print(version("apache-airflow"))')
case "$1" in
web) if [[ $version == 2.* ]]; then exec airflow webserver; else exec airflow api-server; fi ;;
web-is-healthy)
    path=/api/v2/version
    if [[ $version == 2.* ]]; then path=/health; fi
    exec python -c "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080$path', timeout=5)" ;;
*) echo "usage: $0 web|web-is-healthy" >&2; exit 2 ;;
esac
