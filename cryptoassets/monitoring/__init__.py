"""How users learn that something is broken: signals, alerts and metrics.

What goes here: the conditions that need attention, the messages when one starts or clears, and the
page `/metrics`. What stays out: asset checks (in `checks`) and repairs (in `upkeep`).
"""
