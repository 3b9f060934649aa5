"""Serves a simulated source with any number of coins: `python -m benchmarks.source COINS`.

The program prints the source's URL and runs until it is terminated.
"""

import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cryptoassets.coincap_server.server import make_server
from cryptoassets.coincap_server.service import Service
from cryptoassets.coincap_server.simulator.coins import Coin, simulated_coins
from cryptoassets.coincap_server.simulator.market import Market
from cryptoassets.coincap_server.simulator.routes import SimulatedContent


def serve(coins: int) -> None:
    """Serve a simulated market with this many coins."""
    with make_server(Service(SimulatedContent(Market(0, coins=many_coins(coins))))) as server:
        print(f"{server.url}/v3", flush=True)
        signal.pause()


def many_coins(count: int) -> tuple[Coin, ...]:
    """Return the simulated coins, followed by copies with new ids and lower prices."""
    known = simulated_coins()
    coins = [
        coin
        if copy == 0
        else replace(
            coin, id=f"{coin.id}-{copy}", price_usd=coin.price_usd * 0.9**copy, follows=None
        )
        for copy in range(math.ceil(count / len(known)))
        for coin in known
    ]
    return tuple(coins[:count])


@contextmanager
def source(coins: int) -> Iterator[str]:
    """Run a source in a separate process; provide its URL."""
    command = [sys.executable, "-m", "benchmarks.source", str(coins)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield (server.stdout.readline() if server.stdout else "").strip()
        finally:
            server.terminate()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
