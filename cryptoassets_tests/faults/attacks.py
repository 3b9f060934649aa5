"""What one attack does: which commands run, which process is killed, how and when.

What goes here: drawing attacks from the seed. What stays out: carrying them out (in `campaign`) and
finding the process (in `victims`).
"""

import random
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

KILL, STOP, INTERRUPT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
_ANY = (KILL, STOP, INTERRUPT)
LAUNCH = "launch"
"""Not a command: a run that Dagster launches in a separate process."""
CLUSTER = "run on a cluster"
"""The command `run` on a standalone Spark cluster: a master, two workers and their executors."""
ENDLESS = "run --every"

_SIGNALS = {
    "command": _ANY,
    "java": (KILL,),
    "Python worker": (KILL,),
    "postmaster": (KILL, signal.SIGQUIT, INTERRUPT),
    "PostgreSQL backend": (KILL, STOP),
    "MongoDB": (KILL, STOP),
    "source": (KILL,),
}
_MORE_SIGNALS = {
    LAUNCH: {"Dagster run": _ANY, "code server": (KILL,)},
    CLUSTER: {"executor": (KILL,), "Spark worker": (KILL, STOP), "Spark master": (KILL, STOP)},
}
VICTIMS = (*_SIGNALS, *(name for more in _MORE_SIGNALS.values() for name in more))

_WEIGHTS = {
    "run": 6,
    ENDLESS: 3,
    "backfill": 6,
    "requeue": 2,
    "rebuild": 4,
    "retention": 2,
    LAUNCH: 4,
    CLUSTER: 2,
}
COMMANDS = tuple(_WEIGHTS)
_USUAL_SECONDS = {ENDLESS: 15.0, "backfill": 12.0, "rebuild": 14.0, LAUNCH: 12.0, CLUSTER: 18.0}
_OTHERS_SECONDS = 8.0
"""How long all other commands take on an idle machine; on a slow machine, kills happen later."""
_PUBLISHING = ("run", ENDLESS, "backfill", "rebuild", LAUNCH, CLUSTER)
_PUBLICATION_SECONDS = 1.0
_CLUSTERED_SHARE = 0.5
PAIRS = (
    *(("backfill", "backfill"), ("retention", "backfill"), ("requeue", "run")),
    *(("run", ENDLESS), ("run", "run"), ("rebuild", "run"), (LAUNCH, "run")),
)
_PAIRS_SHARE = 0.3
_ATTACKS_IN_A_ROW = (1, 1, 2, 3)
# Days of history that backfills fetch, counted back from today; retention deletes the old days.
_RECENT_DAYS, _OLD_DAYS = range(4, 9), range(40, 43)
_OLD_SHARE = 0.25
RETENTION_DAYS = 20
HOUR_FORMAT = "%Y-%m-%d-%H:00"


@dataclass(frozen=True)
class Attack:
    """One kill.

    Attributes:
        name: the first command, by the name that the tables show.
        commands: arguments of one command, or of two that run at once.
        victim: which process is killed; see `VICTIMS`.
        choice: a number from 0 to 1 that selects one of several processes of this kind.
        signal: the signal that is sent.
        at_publication: whether `seconds` count from the staging of rows, not from the command's
            start.
        seconds: time until the kill on an idle machine.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    victim: str
    choice: float
    signal: signal.Signals
    at_publication: bool
    seconds: float

    @property
    def is_on_cluster(self) -> bool:
        """Whether the first command uses a Spark cluster."""
        return self.name == CLUSTER

    def __str__(self) -> str:
        names = " + ".join(" ".join(command) for command in self.commands)
        where = " on a cluster" if self.is_on_cluster else ""
        moment = "staging" if self.at_publication else "start"
        return (
            f"{names}{where}: {self.signal.name} to {self.victim}, {self.seconds:.2f} s after "
            f"{moment}"
        )


def draw(chance: random.Random, attacks: int | None = None) -> list[Attack]:
    """Draw the attacks of one try, which follow each other without a pause.

    Args:
        chance: source of all random choices.
        attacks: number of attacks; None draws 1 to 3.
    """
    drawn = chance.choice(_ATTACKS_IN_A_ROW)
    return [_draw_one(chance) for _ in range(attacks or drawn)]


def _draw_one(chance: random.Random) -> Attack:
    names: tuple[str, ...]
    if chance.random() < _PAIRS_SHARE:
        names = chance.choice(PAIRS)
    else:
        names = tuple(chance.choices(COMMANDS, list(_WEIGHTS.values())))
    signals = _SIGNALS | _MORE_SIGNALS.get(names[0], {})
    own = tuple(_MORE_SIGNALS.get(names[0], ()))
    victim = chance.choice([*_SIGNALS, *own, *own])
    at_publication = names[0] in _PUBLISHING and chance.random() < _CLUSTERED_SHARE
    longest = _USUAL_SECONDS.get(names[0], _OTHERS_SECONDS)
    return Attack(
        name=names[0],
        commands=_commands(names, chance),
        victim=victim,
        choice=chance.random(),
        signal=chance.choice(signals[victim]),
        at_publication=at_publication,
        seconds=chance.uniform(0, _PUBLICATION_SECONDS if at_publication else longest),
    )


def _commands(names: tuple[str, ...], chance: random.Random) -> tuple[tuple[str, ...], ...]:
    today = datetime.now(UTC)
    # If two backfills run at once, their ranges overlap by one or two days.
    first = chance.choice(_OLD_DAYS if chance.random() < _OLD_SHARE else _RECENT_DAYS)
    days = iter((first, first - chance.choice((0, 1))))
    commands: list[tuple[str, ...]] = []
    for name in names:
        if name == "backfill":
            start = today - timedelta(days=next(days))
            end = start + timedelta(days=2)
            commands.append(("backfill", "--from", f"{start:%Y-%m-%d}", "--to", f"{end:%Y-%m-%d}"))
        elif name == LAUNCH:
            day = today - timedelta(days=first)
            job, partition = chance.choice(
                [
                    *(("ingest", HOUR_FORMAT), ("process", HOUR_FORMAT), ("marts", "%Y-%m-%d")),
                    ("history", f"{day:%Y-%m-%d}"),
                ]
            )
            commands.append((LAUNCH, job, today.strftime(partition)))
        else:
            commands.append(_FIXED.get(name, (name,)))
    return tuple(commands)


_FIXED = {ENDLESS: ("run", "--every", "3"), CLUSTER: ("run",)}
