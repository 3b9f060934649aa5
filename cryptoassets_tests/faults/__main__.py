"""`make faults SEED=1 N=200`: kill processes, check all promises, repeat; exit 1 if one is broken.

What goes here: the options, preparing the platform, the loop over all tries. What stays out: what a
try does (in `campaign`), the tables (in `tally`).
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptoassets_tests.faults.attacks import draw
from cryptoassets_tests.faults.campaign import Campaign
from cryptoassets_tests.faults.home import FaultHome
from cryptoassets_tests.faults.readers import Readers
from cryptoassets_tests.faults.victims import ignoring_ended, processes_of


def main() -> int:
    """Run the campaign; return the exit code."""
    options = _options()
    # If the campaign is stopped, it must stop its servers, too. Even if the shell ignores SIGINT,
    # the commands under attack must not ignore it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    print(f"Seed {seed}, {options.tries} tries", flush=True)
    # Not below /tmp: if root runs this, PostgreSQL uses another account, which must be able to
    # enter the folder.
    folder = Path(tempfile.mkdtemp(prefix="cryptoassets-faults-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = FaultHome(folder / "home")
    home.folder.mkdir(mode=0o755)
    try:
        _prepare(home)
        readers = Readers(home)
        campaign = Campaign(home, readers)
        with readers.reading(), campaign.tally.printed_at_end(readers):
            for number in range(options.first, options.first + options.tries):
                attacks = draw(random.Random(f"{seed}-{number}"), options.attacks)
                if campaign.try_once(number, attacks) and options.stop:
                    break
        return 1 if campaign.tally.is_broken or not readers.reads else 0
    finally:
        for process in processes_of(home.folder, home.stack):
            with ignoring_ended():
                process.kill()
        if options.keep:
            print(f"Kept: {folder}")
        else:
            home.down()
            shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument(
        "--seed", type=int, help="repeat the campaign with this seed; default: random"
    )
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="number of the first try")
    parser.add_argument("--attacks", type=int, help="attacks per try; default: 1 to 3, random")
    parser.add_argument("--stop", action="store_true", help="stop at the first broken promise")
    parser.add_argument("--keep", action="store_true", help="keep the home and all outputs")
    return parser.parse_args()


def _prepare(home: FaultHome) -> None:
    """Create a platform with snapshots and history."""
    today = datetime.now(UTC).date()
    days = [str(today - timedelta(days=days)) for days in (3, 1)]
    for arguments in (["run"], ["backfill", "--from", days[0], "--to", days[1]], ["run"]):
        code, text = home.run(*arguments)
        if code != 0:
            name = " ".join(arguments)
            sys.exit(f"`cryptoassets {name}` failed before the first attack: {code}\n{text}")


if __name__ == "__main__":
    sys.exit(main())
