"""Promises of a command's beginning and end: no search for cycles among what it imports."""

import json
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


def test_a_command_is_not_searched_for_cycles_while_it_imports_nor_when_it_ends() -> None:
    """A third of the time of `status` and `audit` was that; a run waited for it twice."""
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, "down"], capture_output=True, text=True, check=True
    )

    searches, frozen = json.loads(ended.stdout.splitlines()[-1])
    assert frozen > 10_000
    assert searches < 10
