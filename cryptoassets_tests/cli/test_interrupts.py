"""Promise: Ctrl-C ends a command, whenever it comes."""

import os
import signal

import pytest
from dagster._utils.interrupts import capture_interrupts

from cryptoassets.cli.interrupts import noticed_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_dagster_would_forget_is_noticed(number: signal.Signals) -> None:
    """It captures what comes between two steps, and drops what came after the last."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with noticed_interrupts() as has_come:
            assert not has_come()
            with capture_interrupts():
                os.kill(os.getpid(), number)
            assert has_come()
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
