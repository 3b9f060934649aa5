"""The simulator's own process: `python -m cryptoassets.embedded.source_process FOLDER PORT`.

What goes here: the entry only. What stays out: the server (in `coincap.server`) and the command
`source` for people (in `cli`).
"""

import sys

from cryptoassets.coincap.server import run_source


def main() -> None:
    """Serve until told to stop. FOLDER is read by nobody: it marks the process as ours."""
    run_source(int(sys.argv[2]), announce=lambda line: print(line, flush=True))  # noqa: T201 -- to its log


if __name__ == "__main__":
    main()
