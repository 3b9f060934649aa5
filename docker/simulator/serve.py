"""Serves the simulator to the other containers.

The command `source` cannot do this, because it listens on loopback only.
"""

from cryptoassets.coincap_server.sources import run_source

PORT = 8800

if __name__ == "__main__":
    run_source(PORT, None, False, 1, None, print, host="0.0.0.0")  # noqa: S104 - inside the containers' network
