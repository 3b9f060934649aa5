"""The kill campaign: `make faults SEED=1 N=200`.

What goes here: random kills of every process while every command runs, and the promises that hold
all the same. What stays out: single faults, which have tests of their own next to what they test.
"""
