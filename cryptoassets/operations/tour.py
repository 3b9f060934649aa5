"""The steps of `cryptoassets tour`: what each shows, and the commands that it runs.

What goes here: the steps and their order. What stays out: the tour's own stores and shell (in
`tour_home`), printing and waiting for Enter (in `cli.tour`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

_LOAD_ADDRESSES = 'set -a; eval "$(cryptoassets env)"; set +a'
_SHOW_PRICES = (
    'cryptoassets sql "select rank, symbol, price_usd, source from coin_latest order by 1 limit 3"'
)
_SHOW_QUARANTINE = (
    'cryptoassets sql "select reasons, count(*) as documents from quarantine group by 1 order by 1"'
)


def _python(code: str) -> str:
    """Return shell lines that run Python code with the stores' addresses in the environment."""
    return f"{_LOAD_ADDRESSES}\npython -c '{code}'"


_FAULTS = 'os.environ["COINCAP_URL"] + "/faults"'
_LAKE = 'pymongo.MongoClient(os.environ["MONGO_URL"])[os.environ["MONGO_DATABASE"]]'


@dataclass(frozen=True)
class Step:
    """One step of the tour.

    Attributes:
        title: what the step does, in a few words.
        words: what happens, and what to look at.
        commands: shell commands, run one after the other.
        code: the expected exit code of each command.
    """

    title: str
    words: str
    commands: tuple[str, ...]
    code: int = 0


STEPS = (
    Step(
        "Fetch, clean and publish",
        "`run` fetches 100 coins from the simulator, stores each response unchanged in MongoDB, "
        "judges every document with Spark, and publishes the valid ones to PostgreSQL.",
        ("cryptoassets run",),
    ),
    Step(
        "See a price",
        "Prices are exact decimals. The column `source` shows that these are simulated.",
        (_SHOW_PRICES,),
    ),
    Step(
        "Break the source",
        "From now on, the simulator sends only 30 of 100 coins. `env` prints the addresses of the "
        "stores and the source, so that any program can use them.",
        (
            _python(
                f"import os, requests; print(requests.put({_FAULTS}, "
                'json=[{"route": "/assets", "kind": "cut", "coins": 30}]).text)'
            ),
        ),
    ),
    Step(
        "Watch the check fail",
        "The next `run` must exit with 1 and name the check that failed. Totals of "
        "only 30 coins would be wrong, so none of these documents is published.",
        ("cryptoassets run",),
        code=1,
    ),
    Step(
        "Find the documents in quarantine",
        "Nothing is lost: the 30 documents are in quarantine, each with its reason. The first "
        "snapshot's 100 prices are unchanged.",
        (_SHOW_QUARANTINE, 'cryptoassets sql "select count(*) as prices from coin_prices"'),
    ),
    Step(
        "Repair the source",
        "With all coins back, the next snapshot is published. The incomplete snapshot "
        "stays in quarantine.",
        (
            _python(f"import os, requests; print(requests.delete({_FAULTS}).text)"),
            "cryptoassets run",
        ),
    ),
    Step(
        "Damage a document",
        "A script with a typo changes a document in MongoDB. `rebuild` rebuilds PostgreSQL from "
        "the documents alone, and the changed document goes into quarantine as "
        "`foreign_document`.",
        (
            _python(
                f"import os, pymongo; print({_LAKE}.coin_snapshots.update_one("
                '{"coin_id": "bitcoin"}, {"$set": {"source": "simulatr"}}).modified_count, '
                '"document changed")'
            ),
            "cryptoassets rebuild",
            _SHOW_QUARANTINE,
        ),
    ),
    Step(
        "Repair the document, and requeue",
        "`requeue` judges the documents in quarantine again. The repaired document is "
        "released; the 30 documents of the incomplete snapshot remain.",
        (
            _python(
                f"import os, pymongo; print({_LAKE}.coin_snapshots.update_many("
                '{"source": "simulatr"}, {"$set": {"source": "simulator"}}).modified_count, '
                '"document repaired")'
            ),
            "cryptoassets requeue",
        ),
    ),
    Step(
        "Prove it",
        "`audit` compares MongoDB, Parquet and PostgreSQL: each document is in exactly one place.",
        ("cryptoassets audit",),
    ),
)


class Guide(Protocol):
    """Shows the tour to a person."""

    def begin(self, step: Step, number: int) -> None:
        """Show what a step does, and wait until the person wants to see it."""

    def command(self, text: str) -> None:
        """Show a command before it runs."""

    def failed_as_expected(self, code: int) -> None:
        """Show the exit code of a command that failed on purpose."""

    def unexpected(self, text: str, code: int) -> None:
        """Report that a command ended with an unexpected exit code."""


def take_tour(guide: Guide, run: Callable[[str], int], steps: Sequence[Step] = STEPS) -> bool:
    """Run the steps until a command ends unexpectedly; return whether all ended as expected.

    Args:
        guide: shows the steps.
        run: runs a shell command, and returns its exit code.
        steps: the steps.
    """
    for number, step in enumerate(steps, start=1):
        guide.begin(step, number)
        for text in step.commands:
            guide.command(text)
            code = run(text)
            if code != step.code:
                guide.unexpected(text, code)
                return False
            if code:
                guide.failed_as_expected(code)
    return True
