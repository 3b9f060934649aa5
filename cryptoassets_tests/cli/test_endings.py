"""How a command starts and ends: fast imports, and no error if a pipe is closed early."""

import json
import os
import subprocess
import sys

COMMAND = """
import atexit, gc, json, sys
began = []
gc.callbacks.append(lambda phase, about: began.append(about) if phase == "start" else None)
atexit.register(lambda: print(json.dumps([len(began), gc.get_freeze_count()])))
sys.argv = ["cryptoassets", *sys.argv[1:]]
from cryptoassets.cli.entry import main
began.clear()
main()
"""
BUFFERED = "from cryptoassets.cli import entry; print('row'); entry._flush_output()"


def test_garbage_is_not_collected_during_imports_or_at_exit() -> None:
    """Garbage collections would take a third of the run time of `status` and `audit`."""
    completed = subprocess.run(
        [sys.executable, "-c", COMMAND, "down"], capture_output=True, text=True, check=True
    )

    searches, frozen = json.loads(completed.stdout.splitlines()[-1])
    assert frozen > 10_000
    assert searches < 10


def test_a_pipe_whose_reader_ends_early_causes_no_error() -> None:
    """`cryptoassets sql ... --format csv | head -1` must not end with a Python error."""
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer) as closed:
        completed = subprocess.run(
            [sys.executable, "-c", BUFFERED],
            env=os.environ | {"PYTHONUNBUFFERED": ""},
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )

    assert "" == completed.stderr
