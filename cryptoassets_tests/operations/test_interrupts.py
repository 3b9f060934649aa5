"""Ctrl-C ends a command at any time."""

import os
import signal

import pytest
from dagster._utils.interrupts import capture_interrupts

from cryptoassets.operations.interrupts import noticed_interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_dagster_ignores_is_detected(number: signal.Signals) -> None:
    """Dagster captures signals between two steps, and ignores those after the last step."""
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
    """For example, `cryptoassets run --every 60 &` in a script, after its first cycle."""
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
