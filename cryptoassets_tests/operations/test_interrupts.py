"""Ctrl-C ends a command at any time."""

import os
import signal
import weakref
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._utils.interrupts import capture_interrupts

from cryptoassets.operations.interrupts import interruptible, raised_interrupts
from cryptoassets_tests.operations.toys import DAYS, JOB, toy_definitions, toy_runner


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Restores the signal handlers after each test."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_dagster_ignores_ends_the_command(number: signal.Signals) -> None:
    """Dagster captures signals between two steps, and ignores those after the last step."""
    with pytest.raises(KeyboardInterrupt), raised_interrupts(), capture_interrupts():
        os.kill(os.getpid(), number)


def test_a_dagster_error_does_not_hide_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run --every` continues after errors, e.g. a PostgreSQL restart, but not after Ctrl-C."""
    instance = dg.DagsterInstance.ephemeral()
    with instance:
        runner, _ = toy_runner(instance, toy_definitions())

        def fail(*_: object, **_names: object) -> None:
            with capture_interrupts():
                os.kill(os.getpid(), signal.SIGINT)
            raise OSError("the server closed the connection")

        monkeypatch.setattr(instance, "handle_new_event", fail)
        with pytest.raises(KeyboardInterrupt):
            runner.execute(JOB, DAYS[0])


def test_sigterm_still_ends_a_background_job_that_ignores_ctrl_c() -> None:
    """In a script, `run --every 60 &` ignores Ctrl-C; SIGTERM must end it in every cycle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with raised_interrupts(), capture_interrupts():
        pass
    assert signal.default_int_handler == signal.getsignal(signal.SIGTERM)


class _Client:
    """Something that has a weak reference with a callback, as clients of MongoDB have."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_weak_references_callback_ends_the_loop(number: signal.Signals) -> None:
    """Python prints "Exception ignored in ..." and continues, so SIGTERM once had no effect."""
    signal.signal(number, signal.default_int_handler)
    batches = []

    def cycles() -> Iterator[int]:
        for cycle in range(3):
            client = _Client()
            reference = weakref.ref(client, lambda _: os.kill(os.getpid(), number))
            del client
            assert reference() is None
            yield cycle

    with pytest.raises(KeyboardInterrupt):
        batches += interruptible(cycles())
    assert len(batches) <= 1


def test_a_loop_without_signals_yields_every_item() -> None:
    """The end of the items ends the loop."""
    assert [1, 2, 3] == list(interruptible(iter([1, 2, 3])))
