#!/bin/bash
# For both scripts: Docker's plugin, if the program docker-compose is not installed.
compose() {
    if command -v docker-compose >/dev/null; then docker-compose "$@"; else docker compose "$@"; fi
}
