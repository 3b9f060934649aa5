"""The revisions, oldest first; never changed once they are on main.

What goes here: one `rNNNN_<what>.py` per revision and the plain SQL it runs. What stays out:
running them (in `cryptoassets.migrations`) and imports from `schemas`, which changes later while
these must not.
"""
