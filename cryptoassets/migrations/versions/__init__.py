"""The revisions, oldest first. A revision that is on main must never be changed.

What goes here: one `rNNNN_<words>.py` per revision, and the plain SQL that it runs. What stays out:
running revisions (in `cryptoassets.migrations`) and imports from `schemas`, because `schemas` will
change and revisions must not.
"""
