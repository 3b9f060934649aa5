"""Promise: Ctrl-C ends a command, whenever it comes."""

import os
import signal

import pytest
from dagster._utils.interrupts import capture_interrupts

from cryptoassets.operations.interrupts import noticed_interrupts


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


def test_a_background_job_that_ignores_ctrl_c_still_ends_by_sigterm() -> None:
    """`cryptoassets run --every 60 &` in a script, after its first cycle."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with noticed_interrupts(), capture_interrupts():
            pass
        assert signal.default_int_handler == signal.getsignal(signal.SIGTERM)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
