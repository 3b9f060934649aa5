"""Checks the passwords before any service starts, and gives each service files with its secrets.

What goes here: what must happen before everything else, with the standard library only. What stays
out: creating users and roles (in `docker/mongo/users.py` and `docker/postgres/roles.py`).

Compose writes the passwords to one file in this container. This script copies them to several
volumes; each service mounts only the volume with the secrets that it needs. Secrets are not passed
as environment variables, because `docker inspect` would show them.
"""

import ipaddress
import os
import re
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

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
"""The default passwords of `docker-compose.yml`, which are publicly known."""

_OPTIONAL = {
    "COINCAP_API_KEY": Path("/run/secrets/coincap-api-key"),
    "CRYPTOASSETS_ALERT_URLS": Path("/run/secrets/alert-urls"),
}
"""Secrets without a default value, and the file from which each can be read instead.

The user names the file in the setting NAME_FILE. If the user names none, the file is empty.
"""
_PASSWORDS = Path("/run/passwords")
_VOLUMES = Path("/secrets")

# Passwords are inserted into URLs, and into pgAdmin's password file, without escaping.
_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")


def read_settings(text: str) -> dict[str, str]:
    """Return the settings in lines of the form NAME=value."""
    names_and_values = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in names_and_values}


def problems(settings: Mapping[str, str]) -> list[str]:
    """Return the reasons not to start, one sentence each; empty if the settings are in order."""
    found = []
    address = settings.get("BIND_ADDRESS", "127.0.0.1")
    unchanged = [name for name, default in DEFAULTS.items() if settings.get(name) == default]
    if not _is_loopback(address) and unchanged:
        found.append(
            f"BIND_ADDRESS={address} opens ports to others while default passwords are in use. "
            f"Set in .env: {', '.join(unchanged)}; or leave BIND_ADDRESS at 127.0.0.1"
        )
    invalid = [name for name in DEFAULTS if not _PLAIN.fullmatch(settings.get(name, ""))]
    if invalid:
        found.append(
            f"{', '.join(invalid)} may contain only letters, digits and . _ ~ -, because they are "
            "part of URLs; correct them in .env"
        )
    both = [name for name, file in _OPTIONAL.items() if settings.get(name) and _content(file)]
    found += [f"{name} and {name}_FILE are both set; unset one in .env" for name in both]
    return found


def files(given: Mapping[str, str], generated: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the content of each file, by volume and file name.

    Args:
        given: the settings.
        generated: secrets that nobody needs to know: `POSTGRES` is the password of the role
            `cryptoassets`, and `SPARK` is the secret that Spark's processes share.
    """
    analyst = f"postgresql://analyst:{given['ANALYST_PASSWORD']}@postgres:5432/bigdata_db"
    return {
        "airflow": {
            "admin-password": given["AIRFLOW_ADMIN_PASSWORD"],
            "database-url": "postgresql+psycopg2://airflow:"
            f"{given['AIRFLOW_DB_PASSWORD']}@postgres:5432/airflow",
            "secret": given["AIRFLOW_SECRET"],
        },
        "analyst": {"analyst-url": analyst},
        "init": {
            "mongo-root-url": _mongo_url("admin", given["MONGO_ROOT_PASSWORD"]),
            "mongo-executor": given["MONGO_EXECUTOR_PASSWORD"],
            "mongo-pipeline": given["MONGO_PIPELINE_PASSWORD"],
            "mongo-viewer": given["MONGO_VIEWER_PASSWORD"],
            "postgres-admin-url": _postgres_url("admin", given["POSTGRES_PASSWORD"]),
            "postgres-cryptoassets": generated["POSTGRES"],
            "postgres-executor": given["POSTGRES_EXECUTOR_PASSWORD"],
        },
        "mongo": {"root-password": given["MONGO_ROOT_PASSWORD"]},
        "mongo-express": {
            "mongo-url": _mongo_url("viewer", given["MONGO_VIEWER_PASSWORD"], "datalake"),
            "password": given["MONGO_EXPRESS_PASSWORD"],
        },
        "pgadmin": {
            "password": given["PGADMIN_PASSWORD"],
            "pgpass": f"postgres:5432:*:admin:{given['POSTGRES_PASSWORD']}",
        },
        "platform": {
            "alert-urls": given["CRYPTOASSETS_ALERT_URLS"],
            "analyst-url": analyst,
            "coincap-api-key": given["COINCAP_API_KEY"],
            "mongo-url": _mongo_url("pipeline", given["MONGO_PIPELINE_PASSWORD"]),
            "postgres-url": _postgres_url("cryptoassets", generated["POSTGRES"]),
            "spark-secret": generated["SPARK"],
        },
        "postgres": {
            "airflow-password": given["AIRFLOW_DB_PASSWORD"],
            "analyst-password": given["ANALYST_PASSWORD"],
            "password": given["POSTGRES_PASSWORD"],
        },
        "spark-master": {"spark-secret": generated["SPARK"]},
        "spark-worker": {
            "mongo-url": _mongo_url("executor", given["MONGO_EXECUTOR_PASSWORD"]),
            "postgres-url": _postgres_url("executor", given["POSTGRES_EXECUTOR_PASSWORD"]),
            "spark-secret": generated["SPARK"],
        },
    }


def _mongo_url(user: str, password: str, database: str = "") -> str:
    return f"mongodb://{user}:{password}@mongo:27017/{database}?authSource=admin"


def _postgres_url(user: str, password: str) -> str:
    return f"postgresql://{user}:{password}@postgres:5432/bigdata_db"


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _content(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def _generated(volumes: Path) -> dict[str, str]:
    """Return the secrets that were generated at the first start; generate missing ones."""
    kept = {
        "POSTGRES": volumes / "init/postgres-cryptoassets",
        "SPARK": volumes / "spark-master/spark-secret",
    }
    return {name: _content(file) or secrets.token_hex(24) for name, file in kept.items()}


def _write(file: Path, content: str) -> None:
    # The file is replaced in one step, because a service may be reading it. There is no final
    # newline, because some services would read it as part of the secret.
    partial = file.with_name(f".{file.name}")
    partial.write_text(content, encoding="utf-8")
    partial.chmod(0o444)
    partial.replace(file)


def main() -> int:
    """Write the files and return 0; if there are problems, print them instead and return 1."""
    given = read_settings(_PASSWORDS.read_text(encoding="utf-8"))
    found = problems({**given, "BIND_ADDRESS": os.environ.get("BIND_ADDRESS", "127.0.0.1")})
    for sentence in found:
        sys.stderr.write(f"Refused to start: {sentence}.\n")
    if found:
        return 1
    given |= {name: given[name] or _content(file) for name, file in _OPTIONAL.items()}
    for volume, contents in files(given, _generated(_VOLUMES)).items():
        for name, content in contents.items():
            _write(_VOLUMES / volume / name, content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
