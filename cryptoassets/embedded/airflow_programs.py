"""Programs that live as long as the command that started them: Airflow's, and `dagster dev`.

What goes here: starting, watching and stopping them. What stays out: their settings (in
`airflow_home`); servers that outlive a command (in `processes`).
"""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cryptoassets.embedded.server import Report

STOP_SECONDS = 30.0
RESTART_SECONDS = 5.0


@dataclass
class Program:
    """One program; it is restarted when it ends by itself."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Start it in its own session: Ctrl-C reaches only us, and we stop it in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(self.environment),
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        """Return whether it was started and is no longer running."""
        return self.process is not None and self.process.poll() is not None

    def ask_to_stop(self) -> None:
        """Send the stop signal to this process only; it stops its own children."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def end(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic), then kill it and its children if they still run."""
        if self.process is None:
            return
        family = _family(self.process.pid)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.1, deadline - time.monotonic()))
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        self.process = None


class Programs:
    """Programs that are started, watched and stopped together."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._programs: list[Program] = []

    def start(self, program: Program) -> None:
        """Start a program and watch it from now on."""
        program.start()
        self._programs.append(program)

    def watch(self) -> None:
        """Restart the programs that ended by themselves, once each."""
        for program in self._programs:
            if program.has_ended():
                self._report(f"{program.name} ended and is being restarted. Its log: {program.log}")
                time.sleep(RESTART_SECONDS)
                program.start()

    def stop(self) -> None:
        """Stop all programs, the last started first."""
        for program in reversed(self._programs):
            program.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for program in reversed(self._programs):
            program.end(deadline)
        self._programs.clear()


def stop_leftovers(environment_variable: str, value: str) -> int:
    """Kill the processes that an earlier, killed command left running; return how many.

    They are recognised by an environment variable that names our folder.
    """
    leftovers = [
        process for process in psutil.process_iter() if _has(process, environment_variable, value)
    ]
    for process in leftovers:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(leftovers, timeout=STOP_SECONDS)
    return len(leftovers)


def _has(process: psutil.Process, variable: str, value: str) -> bool:
    try:
        return process.environ().get(variable) == value
    except psutil.Error:
        return False


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
