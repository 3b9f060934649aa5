"""The kill campaign: `make faults SEED=1 N=200`.

What goes here: random kills of every process during every command, and the promises that must
still hold. What stays out: single faults, whose tests are next to the tested module's tests.
"""
