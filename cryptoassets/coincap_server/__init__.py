"""Our own server that speaks as CoinCap does: simulated prices, or recorded answers.

What goes here: the server, what it answers and the faults it makes on demand; of `coincap` it uses
only what describes the wire. What stays out: the client, which never imports this package.
"""
