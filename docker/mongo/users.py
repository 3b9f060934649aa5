"""Create MongoDB's users, or update their passwords; safe to run again.

`pipeline` may read and write the data lake; `viewer` and `executor` (Spark's tasks) may read it.
None of them can access another database. Scripts in the init folder of MongoDB's image run only
once, on an empty volume, so they could not update passwords.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure

LOGIN_TIMEOUT_SECONDS = 60
USER_EXISTS = 51003


def main() -> None:
    """Create the users when the server is ready."""
    lake, folder = os.environ["MONGO_DATABASE"], Path(os.environ["SECRETS"])
    client: MongoClient[dict[str, Any]] = MongoClient(
        (folder / "mongo-root-url").read_text().strip(), serverSelectionTimeoutMS=5_000
    )
    wait_for(client)
    for name, role in (("pipeline", "readWrite"), ("viewer", "read"), ("executor", "read")):
        password = (folder / f"mongo-{name}").read_text().strip()
        make_user(client.admin, name, password, role, lake)
    sys.stdout.write(f"MongoDB's users of {lake} are set up: pipeline, viewer, executor\n")


def wait_for(client: MongoClient[dict[str, Any]]) -> None:
    """Wait until the root user can log in; on an empty volume this takes a few seconds."""
    deadline = time.monotonic() + LOGIN_TIMEOUT_SECONDS
    while True:
        try:
            client.admin.command("ping")
        except (ConnectionFailure, OperationFailure):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def make_user(
    admin: Database[dict[str, Any]], name: str, password: str, role: str, lake: str
) -> None:
    """Create a user with one role on the data lake, or update the password of an existing one."""
    try:
        admin.command("createUser", name, pwd=password, roles=[{"role": role, "db": lake}])
    except OperationFailure as error:
        if error.code != USER_EXISTS and "exist" not in str(error):
            raise
        admin.command("updateUser", name, pwd=password)


if __name__ == "__main__":
    main()
