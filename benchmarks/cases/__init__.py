"""The cases of `make bench`. Each case measures several ways in turn and computes ratios.

What goes here: the runs of each case and its ratios. What stays out: measuring one run (in
`measuring`), storing the result (in `results`).
"""
