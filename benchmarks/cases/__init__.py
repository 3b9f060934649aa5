"""The cases of `make bench`: each measures ways in turn and gives ratios.

What goes here: which runs make a case, and what its ratios are. What stays out: measuring one run
(in `measuring`), keeping the result (in `results`).
"""
