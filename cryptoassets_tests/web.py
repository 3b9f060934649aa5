"""Runs a command that serves a web page, and waits until the page responds."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import requests

_START_SECONDS = 120
_END_SECONDS = 60


@contextmanager
def serving(
    command: Sequence[str | os.PathLike[str]],
    health: str,
    environment: Mapping[str, str],
    **options: Any,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command and wait until its page responds; after the block, end it with SIGTERM.

    Args:
        command: the command and its arguments.
        health: URL that responds without an error as soon as the page is ready.
        environment: the complete environment of the command.
        options: further arguments of `subprocess.Popen`.
    """
    process = subprocess.Popen(command, env=environment, **options)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not answers(health):
            assert process.poll() is None, f"{command} ended by itself"
            assert time.monotonic() < deadline, f"{command} did not start"
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def answers(url: str) -> bool:
    """Return whether the URL responds without an error."""
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
