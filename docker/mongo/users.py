"""Create MongoDB's users, or update their passwords; safe to run again.

`pipeline` may read and write the data lake; `viewer` and `executor` (Spark's tasks) may read it.
None of them can access another database. MongoDB's own init folder would run only once, on an empty
volume, and would not apply a changed password.
"""

import os
import sys
import time
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import ConnectionFailure, OperationFailure

ANSWER_SECONDS = 60
USER_EXISTS = 51003


def main() -> None:
    """Create the users as soon as the server answers."""
    lake = os.environ["MONGO_DATABASE"]
    client: MongoClient[dict[str, Any]] = MongoClient(
        os.environ["MONGO_ROOT_URL"], serverSelectionTimeoutMS=5_000
    )
    wait_for(client)
    make_user(client.admin, "pipeline", os.environ["MONGO_PIPELINE_PASSWORD"], "readWrite", lake)
    make_user(client.admin, "viewer", os.environ["MONGO_VIEWER_PASSWORD"], "read", lake)
    make_user(client.admin, "executor", os.environ["MONGO_EXECUTOR_PASSWORD"], "read", lake)
    sys.stdout.write(f"MongoDB's users of {lake} are set up: pipeline, viewer, executor\n")


def wait_for(client: MongoClient[dict[str, Any]]) -> None:
    """Wait until the root user can log in; on an empty volume this takes a few seconds."""
    deadline = time.monotonic() + ANSWER_SECONDS
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
