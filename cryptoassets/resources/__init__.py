"""Connections to what lies outside: one resource a store or source.

What goes here: how a connection is made, with its time-outs and its errors in words of ours. What
stays out: what is read and written through it (in `io_managers`) and how a server that is missing
gets started (in `embedded`).
"""
