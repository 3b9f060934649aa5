"""Helpers that read and change running servers: rows, documents, pids."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pymongo

from cryptoassets.embedded import ServerStatus, Stack
from cryptoassets.embedded.processes import pids_serving


def status_of(stack: Stack, name: str) -> ServerStatus:
    """Return the status of one server."""
    return next(server for server in stack.servers() if server.name == name)


def running_pid(stack: Stack, name: str) -> int:
    """Return the pid of a server that must be running."""
    pid = status_of(stack, name).pid
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    """Kill a server with SIGKILL, and wait up to 10 s until it and its children are gone."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    process.kill()
    deadline = time.monotonic() + 10
    while any(is_alive(member.pid) for member in family) and time.monotonic() < deadline:
        time.sleep(0.01)


def main_pids(folder: Path) -> list[int]:
    """List the pids of the servers of `folder`, without their forked children."""
    pids = pids_serving(folder)
    return [pid for pid in pids if psutil.Process(pid).ppid() not in pids]


def insert_row(stack: Stack, number: int) -> None:
    """Insert a row and commit."""
    with psycopg.connect(stack.postgres_url()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", (number,))


def inserted_rows(stack: Stack) -> list[int]:
    """Read the rows that `insert_row` inserted."""
    with psycopg.connect(stack.postgres_url()) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY 1")]


def insert_document(stack: Stack, number: int) -> None:
    """Insert a document and wait until the server acknowledges it."""
    with pymongo.MongoClient(stack.mongo_url()) as client:
        client["datalake"]["kept"].insert_one({"_id": number})


def inserted_documents(stack: Stack) -> list[int]:
    """Read the documents that `insert_document` inserted."""
    with pymongo.MongoClient(stack.mongo_url()) as client:
        return sorted(document["_id"] for document in client["datalake"]["kept"].find({}))


@contextlib.contextmanager
def other_program_on(port: int) -> Iterator[None]:
    """Listen on a port as another program would."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()
        yield
