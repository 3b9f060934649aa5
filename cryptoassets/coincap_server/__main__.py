"""The simulator's own process: `python -m cryptoassets.coincap_server FOLDER PORT`.

What goes here: the entry only. What stays out: starting it (in `embedded.source`) and the command
`source` for people (in `cli`).
"""

import sys

from cryptoassets.coincap_server.sources import run_source

SEED = 0
"""Fixed, so that an hour asked for twice, or on two machines, has the same prices."""


def main() -> None:
    """Serve until told to stop. FOLDER is read by nobody: it marks the process as ours."""
    run_source(int(sys.argv[2]), None, False, SEED, None, announce=_to_log)


def _to_log(url: str) -> None:
    sys.stdout.write(f"Serving {url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
