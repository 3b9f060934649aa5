"""Serve the dashboard: `python -m cryptoassets.dashboard --port 8501`."""

import argparse
import contextlib

from streamlit.logger import set_log_level

# Set before the import of modules that declare caches outside a reader's session: Streamlit would
# warn about each of these caches.
set_log_level("ERROR")

from cryptoassets.dashboard.server import serve  # noqa: E402


def main() -> None:
    """Read the options and serve the dashboard."""
    parser = argparse.ArgumentParser(prog="python -m cryptoassets.dashboard")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    with contextlib.suppress(KeyboardInterrupt):
        serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
