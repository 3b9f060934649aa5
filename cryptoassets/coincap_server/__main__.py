"""The simulator's own process: `python -m cryptoassets.coincap_server FOLDER PORT`.

What goes here: the entry point only. What stays out: starting it (in `embedded.source`) and the
command `source` for users (in `cli`).
"""

import sys

from cryptoassets.coincap_server.sources import run_source

SEED = 0
"""Fixed, so that the same hour has the same prices in every request and on every machine."""


def main() -> None:
    """Serve until stopped. FOLDER is not read; it only identifies the process."""
    run_source(int(sys.argv[2]), None, False, SEED, None, announce=_to_log)


def _to_log(url: str) -> None:
    sys.stdout.write(f"Serving {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
