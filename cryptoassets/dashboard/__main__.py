"""Serve the dashboard: `python -m cryptoassets.dashboard --port 8501`."""

import argparse
import contextlib

from streamlit.logger import set_log_level

# Before the import, because Streamlit warns about each cache declared outside a reader's session.
set_log_level("ERROR")

from cryptoassets.dashboard.server import serve  # noqa: E402


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python -m cryptoassets.dashboard")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    with contextlib.suppress(KeyboardInterrupt):
        serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
