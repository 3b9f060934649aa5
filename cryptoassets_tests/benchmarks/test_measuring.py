"""Measurements of a run include all its processes, and no other processes."""

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.measuring import BenchError, Measurement, measure
from benchmarks.supervisor import STRAGGLER_SECONDS

_BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
_IN_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
_IN_ORPHAN = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {program!r}])"


def measured(program: str, folder: Path, seconds: float = 60) -> Measurement:
    """Measure a Python program."""
    command = [sys.executable, "-c", program]
    return measure(command, os.environ, folder=folder, log=folder / "log", seconds=seconds)


@pytest.mark.parametrize("form", [_IN_CHILD, _IN_ORPHAN], ids=["waited for", "orphaned"])
def test_the_cpu_time_of_an_ended_child_is_included(form: str, tmp_path: Path) -> None:
    """Spark's Python workers end before the command, and sampling would miss their last seconds."""
    program = form.format(program=_BURN.format(seconds=0.7))

    took = measured(program, tmp_path)

    assert 0.7 <= took.cpu_seconds < 1.7


def test_shared_memory_is_counted_once(tmp_path: Path) -> None:
    """Forked workers share most of their memory, but RSS would count it for each worker."""
    program = (
        "import os, time\n"
        "block = bytearray(os.urandom(1)) * 100_000_000\n"
        "children = [os.fork() for _ in range(1)]\n"
        "time.sleep(1.5)\n"
    )

    took = measured(program, tmp_path)

    assert 100 <= took.peak_pss_mb < 160


def test_the_output_of_the_command_is_kept(tmp_path: Path) -> None:
    """Benchmarked programs print timing marks, which are read from the output."""
    assert "hello" in measured("print('hello')", tmp_path).output


def test_the_error_for_a_failed_command_shows_the_end_of_its_output(tmp_path: Path) -> None:
    """An aborted run must not be stored as a very fast one."""
    with pytest.raises(BenchError, match=r"exited with 3; .* ends with:\nthe reason"):
        measured("import sys; print('the reason'); sys.exit(3)", tmp_path)


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    """A JVM that hangs must not slow down the next run."""
    sleeper = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
    program = _IN_CHILD.format(program=f"{sleeper}time.sleep(60)")

    started = time.monotonic()
    with pytest.raises(BenchError, match="was killed after 1 s"):
        measured(program, tmp_path, seconds=1)

    assert time.monotonic() - started < STRAGGLER_SECONDS
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_command_that_a_signal_kills_has_failed(tmp_path: Path) -> None:
    """The kernel may kill a JVM when the machine runs out of memory."""
    program = f"import os; os.kill(os.getpid(), {signal.SIGKILL.value})"

    with pytest.raises(BenchError, match="exited with -9"):
        measured(program, tmp_path)
