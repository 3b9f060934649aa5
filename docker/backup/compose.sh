#!/bin/bash
# Used by backup.sh and restore.sh: runs docker-compose, or Docker's plugin if docker-compose is not
# installed.
compose() {
    if command -v docker-compose >/dev/null; then docker-compose "$@"; else docker compose "$@"; fi
}
