"""The revisions, oldest first; frozen once they are on main.

What goes here: one `rNNNN_<what>.py` a revision and the plain SQL it runs. What stays out: how they
are run (in `cryptoassets.migrations`) and imports from `schemas`, which moves on while these stay.
"""
