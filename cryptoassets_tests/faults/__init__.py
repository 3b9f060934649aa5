"""The kill campaign: `make faults SEED=1 N=200`.

What goes here: random kills of every process during every command, and the promises that must
still hold. What stays out: tests of single faults, which are next to the other tests of a module.
"""
