"""How users learn that something is broken: signals, alerts and metrics.

What goes here: conditions, the messages that start and clear them, and the page `/metrics`. What
stays out: asset checks (in `checks`) and repairs (in `upkeep`).
"""
