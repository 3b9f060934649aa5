"""One try of the campaign: attacks in a row, then the next command, then the verdicts.

What goes here: carrying out attacks and printing what happened. What stays out: drawing attacks (in
`attacks`), what must hold (in `promises`).
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptoassets.resources.spark_executors import WAIT
from cryptoassets_tests.cluster.standalone import cluster_in
from cryptoassets_tests.e2e.platforms import put_faults
from cryptoassets_tests.faults.attacks import INTERRUPT, Attack
from cryptoassets_tests.faults.home import FaultHome, Running
from cryptoassets_tests.faults.promises import ENDED, KEPT, NEXT, READERS, state_of, verdicts
from cryptoassets_tests.faults.readers import Readers
from cryptoassets_tests.faults.tally import Tally
from cryptoassets_tests.faults.victims import send, victims

_END_SECONDS = 90.0
_ENDLESS_SECONDS = 10.0
_MISSES_END_SECONDS = 60.0
"""How long an attack waits for a publication or for its victim to appear."""
_EXECUTOR_WAIT = "20s"
"""How long a step waits for executors. The step is tried three times, so a run without
executors ends after a minute."""
# A coin with a bad price is quarantined, so that `requeue` has work.
_BAD_COIN = {"route": "/assets", "kind": "patch", "coins": {"solana": {"set": {"priceUsd": "x"}}}}


class Campaign:
    """Attacks the same platform in every try.

    Args:
        home: the platform.
        readers: compare tables during all attacks.
    """

    def __init__(self, home: FaultHome, readers: Readers) -> None:
        self.tally = Tally()
        self._home = home
        self._readers = readers

    def try_once(self, number: int, attacks: list[Attack]) -> bool:
        """Carry out the attacks and judge the promises; return whether a promise was broken."""
        started, known = time.monotonic(), len(self._readers.violations)
        before = state_of(self._home)
        put_faults(self._home.stack.source_url(), _BAD_COIN)
        found: list[tuple[str, str]] = []
        for attack in attacks:
            found += self._carry_out(number, attack)
        found += verdicts(self._home, before)
        found.append((READERS, "; ".join(self._readers.violations[known:][:3])))
        broken = [(promise, verdict) for promise, verdict in found if verdict != KEPT]
        for promise, verdict in found:
            self.tally.add_verdict(promise, verdict)
        outcome = "BROKEN" if broken else "ok"
        print(f"{number:4d}  {outcome}  {time.monotonic() - started:.0f} s", flush=True)
        for promise, verdict in broken:
            print(f"      {promise}: {verdict}", flush=True)
        if NEXT in dict(broken):
            # The next try must begin with a platform that works.
            self._home.run("run")
        return bool(broken)

    def _carry_out(self, number: int, attack: Attack) -> Iterator[tuple[str, str]]:
        with ExitStack() as started:
            environment: Mapping[str, str] = {}
            if attack.is_on_cluster:
                environment = started.enter_context(_cluster(self._home))
            running = [
                self._home.start(*arguments, environment=environment)
                for arguments in attack.commands
            ]
            is_hit = self._strike(attack, running)
            for one in running:
                yield ENDED, self._verdict_on_end(one)
        self.tally.add_attack(attack, is_hit=is_hit)
        codes = ", ".join(str(one.process.returncode) for one in running)
        missed = "" if is_hit else " (the victim did not exist)"
        print(f"{number:4d}      {attack}{missed}; exit {codes}", flush=True)

    def _strike(self, attack: Attack, running: list[Running]) -> bool:
        """Wait for the time of the attack, then kill; return whether the victim existed."""

        def is_running() -> bool:
            return running[0].process.poll() is None

        if attack.at_publication:
            self._home.await_staging(is_running, _MISSES_END_SECONDS)
        deadline = time.monotonic() + attack.seconds * self._home.pace
        while time.monotonic() < deadline and is_running():
            time.sleep(0.01)
        # If the victim has not started yet, wait for it.
        deadline = time.monotonic() + _MISSES_END_SECONDS
        while True:
            pids = [one.process.pid for one in running if one.process.poll() is None]
            found = victims(attack.victim, self._home.stack, pids, self._home.folder.parent)
            if send(found, attack.choice, attack.signal):
                return True
            if not is_running() or time.monotonic() > deadline:
                return False
            time.sleep(0.05)

    def _verdict_on_end(self, running: Running) -> str:
        if "--every" in running.arguments:
            # The loop continues after a server fault, so it is stopped with SIGINT, as by Ctrl-C.
            running.wait(_ENDLESS_SECONDS)
            send([running.process.pid], 0, INTERRUPT)
        if running.wait(_END_SECONDS * self._home.pace) is not None:
            return KEPT
        self._home.end(running)
        return f"{' '.join(running.arguments)}: {running.text()[-500:]}"


@contextmanager
def _cluster(home: FaultHome) -> Iterator[Mapping[str, str]]:
    """Start a Spark cluster; yield the environment of a command that uses it."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir=home.folder.parent))
    try:
        with cluster_in(folder, home.stack.java_home()) as cluster:
            cluster.set_urls(home.stack.mongo_url(), home.stack.postgres_url())
            settings = folder / "conf/spark-defaults.conf"
            # Do not wait for both executors, because one of the workers may be killed.
            lines = settings.read_text().splitlines(keepends=True)
            kept = [line for line in lines if "RegisteredRes" not in line]
            settings.write_text("".join([*kept, f"{WAIT} {_EXECUTOR_WAIT}\n"]))
            yield {
                "SPARK_MASTER": f"spark://127.0.0.1:{cluster.port}",
                "SPARK_CONF_DIR": str(folder / "conf"),
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
