"""The operation `doctor`: what this machine has, what would stop a run, and the remedies.

What goes here: gathering facts (`machine`, `servers`), judging them (`findings`), and trying the
real source (`live`, `recordings`). What stays out: printing (in `cli.doctor`). Gathering the facts
starts and writes nothing. It takes only a second, because it imports no large package.
"""
