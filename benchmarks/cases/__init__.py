"""The cases of `make bench`: each measures several ways in turn and computes ratios.

What goes here: the runs of a case and its ratios. What stays out: measuring one run (in
`measuring`), storing the result (in `results`).
"""
