"""Refuse to start the platform if ports are open to others while default passwords are in use.

What goes here: checking compose's settings before any service starts. Standard library only.
"""

import ipaddress
import os
import re
import sys
from collections.abc import Mapping

DEFAULTS = {
    "AIRFLOW_ADMIN_PASSWORD": "admin",
    "AIRFLOW_DB_PASSWORD": "airflow",
    "AIRFLOW_SECRET": "only-for-loopback-cryptoassets-airflow-secret",
    "ANALYST_PASSWORD": "analyst",
    "MONGO_EXECUTOR_PASSWORD": "executor",
    "MONGO_EXPRESS_PASSWORD": "admin",
    "MONGO_PIPELINE_PASSWORD": "pipeline",
    "MONGO_ROOT_PASSWORD": "admin",
    "MONGO_VIEWER_PASSWORD": "viewer",
    "PGADMIN_PASSWORD": "admin",
    "POSTGRES_EXECUTOR_PASSWORD": "executor",
    "POSTGRES_PASSWORD": "admin",
}
"""The publicly known default passwords of `docker-compose.yml`."""

# Passwords are inserted into URLs, and into pgAdmin's password file, without escaping.
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")


def problems(environment: Mapping[str, str]) -> list[str]:
    """Return the reasons not to start, one sentence each; empty if there are none."""
    found = []
    address = environment.get("BIND_ADDRESS", "127.0.0.1")
    known = [name for name, default in DEFAULTS.items() if environment.get(name) == default]
    if not _is_loopback(address) and known:
        found.append(
            f"BIND_ADDRESS={address} opens ports to others while default passwords are in use. "
            f"Set in .env: {', '.join(known)}; or leave BIND_ADDRESS at 127.0.0.1"
        )
    odd = [name for name in DEFAULTS if not _PLAIN.fullmatch(environment.get(name, ""))]
    if odd:
        found.append(
            f"{', '.join(odd)} may contain letters, digits and . _ ~ - only, because they are part "
            "of URLs; correct them in .env"
        )
    return found


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def main() -> int:
    """Print the problems; return 1 if there are any."""
    found = problems(os.environ)
    for sentence in found:
        sys.stderr.write(f"Refused to start: {sentence}.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
