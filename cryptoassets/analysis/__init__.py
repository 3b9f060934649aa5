"""Reading the platform's tables as the role `analyst`: the Python API, SQL, files.

What goes here: the analyst's connection, queries, results and exports. What stays out: writing, and
starting a store.
"""
