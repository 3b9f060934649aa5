"""Programs that are stopped when their command ends; `test_servers` tests servers, which stay."""

import os
import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from cryptoassets.embedded import processes
from cryptoassets.embedded.processes import Program, Programs, kill_leftovers

_PARENT = "trap 'exit 0' TERM; sleep 300 & echo $!; while :; do sleep 0.05; done"


def program(log: Path, script: str, **environment: str) -> Program:
    """Return a program that runs a shell script."""
    return Program("script", ["/bin/sh", "-c", script], {**os.environ, **environment}, log)


def pid_printed(log: Path) -> int:
    """Wait until the script has printed a pid, and return it."""
    while not (text := log.read_text().strip()):
        time.sleep(0.02)
    return int(text)


def test_stopping_a_program_kills_the_children_that_it_leaves(tmp_path: Path) -> None:
    """The workers of Airflow's scheduler must not outlive the scheduler."""
    programs = Programs(print)
    programs.start(program(tmp_path / "log", _PARENT))
    child = pid_printed(tmp_path / "log")

    programs.stop()

    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_program_that_ended_by_itself_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report must name the program that ended and the path of its log."""
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.0)
    reports: list[str] = []
    programs = Programs(reports.append)
    one = program(tmp_path / "log", "echo started")
    programs.start(one)
    assert one.process is not None
    one.process.wait()

    programs.watch()
    one.process.wait()

    assert "started\nstarted\n" == (tmp_path / "log").read_text()
    assert [f"script ended and is being restarted. Its log: {tmp_path / 'log'}"] == reports


def test_programs_of_a_killed_command_are_found_by_their_log(tmp_path: Path) -> None:
    """Two Airflow schedulers must never work on one database.

    Airflow's processes overwrite their environment, so it cannot identify them. Their children may
    print elsewhere, and the log is renamed when it is large; all are found nevertheless.
    """
    log = tmp_path / "api-server.log"
    left = program(log, "env -i sleep 300 >/dev/null 2>&1 & echo $!; exec env -i sleep 300")
    left.start()
    child = psutil.Process(pid_printed(log))
    log.rename(tmp_path / "api-server.old")

    killed = kill_leftovers([log])

    assert killed == 2
    assert left.process is not None
    assert left.process.wait(timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_program_that_only_reads_a_log_is_not_a_leftover(tmp_path: Path) -> None:
    """A user may be watching the scheduler's log with `tail -f`."""
    log = tmp_path / "scheduler.log"
    log.write_text("started\n")
    reader = program(tmp_path / "other", f"exec tail -f {log}")
    reader.start()
    assert reader.process is not None
    while not (tmp_path / "other").read_text():
        time.sleep(0.02)

    killed = kill_leftovers([log])

    assert killed == 0
    assert reader.process.poll() is None
    processes.stop(reader.process.pid)


def test_the_process_that_listens_on_a_port_is_found() -> None:
    """An error message can name the process that occupies the port."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        found = processes.listener(port)

    assert psutil.Process() == found
    assert processes.listener(processes.free_port()) is None


def test_a_killed_process_is_awaited_until_its_parent_has_reaped_it() -> None:
    """PostgreSQL does not start while its killed postmaster is still in the process table."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    reaper = threading.Timer(1.0, os.waitpid, (pid, 0))
    reaper.start()

    processes.await_reaped(pid)

    assert not psutil.pid_exists(pid)
    reaper.join()
    processes.await_reaped(pid)
