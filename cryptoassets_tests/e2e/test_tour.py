"""The tour runs the commands that it shows, from the first price to the audit."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cryptoassets.embedded import Stack
from cryptoassets.embedded.databases import with_database
from cryptoassets.operations.tour import Step, take_tour
from cryptoassets_tests.e2e.platforms import Platform

pytestmark = [pytest.mark.spark, pytest.mark.mongo, pytest.mark.postgres]


class Listener:
    """A guide for the tour that records the output of each step, by the title of the step."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._title = ""
        self.printed: dict[str, str] = {}
        self.failures: list[str] = []

    def begin(self, step: Step, number: int) -> None:
        """Remember the title of the step."""
        self._title = step.title
        assert number == len(self.printed) + 1
        self.printed[self._title] = ""

    def command(self, text: str) -> None:
        """Do nothing; `run` keeps the output."""

    def failed_as_expected(self, code: int) -> None:
        """Add the exit code to the output of the step."""
        self.printed[self._title] += f" exit code {code}"

    def unexpected(self, text: str, code: int) -> None:
        """Record the command with its output."""
        self.failures.append(f"{text}: {code}: {self.printed[self._title]}")

    def run(self, text: str) -> int:
        """Run `cryptoassets` in this process, where Spark is warm, and other commands in `sh`."""
        if text.startswith("cryptoassets "):
            finished = self._platform.command(*shlex.split(text)[1:])
            code, output = finished.code, finished.text
        else:
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            done = subprocess.run(
                ["/bin/sh", "-c", text],
                env=os.environ | self._platform.settings | {"PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            code, output = done.returncode, done.stdout + done.stderr
        self.printed[self._title] += output
        return code


def test_the_tour_shows_what_it_promises(platform: Platform, stack: Stack) -> None:
    """Newcomers rely on what the tour prints."""
    analyst_url = with_database(stack.analyst_url(), platform.stores.mongo_database)
    listener = Listener(platform.with_settings(ANALYST_URL=analyst_url))

    assert take_tour(listener, listener.run), listener.failures

    printed = listener.printed
    assert "| BTC |" in printed["See a price"]
    assert "newest_snapshot_complete: the snapshot of" in printed["Watch the check fail"]
    assert printed["Watch the check fail"].endswith(" exit code 1")
    assert "snapshot_incomplete | 30" in printed["Find the documents in quarantine"]
    assert "100 (1 row)" in printed["Find the documents in quarantine"]
    assert "0 failed" in printed["Repair the source"]
    assert "foreign_document | 1 " in printed["Damage a document"]
    assert "1 document released" in printed["Repair the document, and requeue"]
    assert "230 raw documents in" in printed["Prove it"]
    assert "exactly once, and the ledger agrees" in printed["Prove it"]
