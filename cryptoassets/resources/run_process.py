"""Tags a run with the process that executes it, to distinguish a killed run from a long one.

What goes here: setting the tag. The resources of MongoDB and PostgreSQL do this when they are set
up, because every run of assets needs at least one of them. What stays out: finding dead runs (in
`embedded.dead_runs`).
"""

import dagster as dg

from cryptoassets.embedded.dead_runs import process_tags


def tag_run_with_process(context: dg.InitResourceContext) -> None:
    """Tag the context's run; outside a run, do nothing."""
    if context.instance is not None and context.run is not None:
        run_id = context.run.run_id
        context.instance.add_run_tags(run_id, process_tags(run_id))
