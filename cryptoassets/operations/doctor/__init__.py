"""The operation `doctor`: what this machine has, and what would stop a run, each with its remedy.

What goes here: gathering facts (`machine`, `servers`), judging them (`findings`), and trying the
real source (`live`, `recordings`). What stays out: printing (in `cli.doctor`). Gathering starts and
writes nothing, and imports no large package, so that it takes only a second.
"""
