"""Counts verdicts and kills, and prints them as tables.

What goes here: the counts and the tables. What stays out: the verdicts (in `promises`).
"""

import collections
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptoassets_tests.faults.attacks import COMMANDS, VICTIMS, Attack
from cryptoassets_tests.faults.promises import KEPT, PROMISES
from cryptoassets_tests.faults.readers import Readers


@dataclass
class Tally:
    """What a campaign has counted so far.

    Attributes:
        judged: how often each promise was judged.
        broken: how often each promise was broken.
        kills: how often a process was hit, by command and by victim.
        pairs: how many kills happened while two commands ran.
        missed: number of attacks whose victim did not exist at that moment.
    """

    judged: collections.Counter[str] = field(default_factory=collections.Counter)
    broken: collections.Counter[str] = field(default_factory=collections.Counter)
    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    pairs: int = 0
    missed: int = 0

    def add_attack(self, attack: Attack, *, is_hit: bool) -> None:
        """Count an attack."""
        if not is_hit:
            self.missed += 1
            return
        self.kills.update((attack.name, attack.victim))
        self.pairs += len(attack.commands) > 1

    def add_verdict(self, promise: str, verdict: str) -> None:
        """Count a verdict."""
        self.judged[promise] += 1
        self.broken[promise] += verdict != KEPT

    @property
    def is_broken(self) -> bool:
        """Whether a promise was broken."""
        return self.broken.total() > 0

    @contextmanager
    def printed_at_end(self, readers: Readers) -> Iterator[None]:
        """Print the tables when the block ends, even if the campaign is interrupted."""
        try:
            yield
        finally:
            self._print(readers.reads)

    def _print(self, reads: int) -> None:
        width = max(map(len, PROMISES))
        print(f"\n{'promise':{width}}  tries  violations")
        for promise in PROMISES:
            print(f"{promise:{width}}  {self.judged[promise]:5d}  {self.broken[promise]:10d}")
        kills = sum(self.kills[name] for name in COMMANDS)
        print(f"\n{kills} kills, {self.pairs} of them while two commands ran; {self.missed} missed")
        for title, names in (("Command", COMMANDS), ("Victim", VICTIMS)):
            print(f"{title}: " + ", ".join(f"{name} {self.kills[name]}" for name in names))
        print(f"Readers compared the tables {reads:,} times.")
