"""Tag a run with its process, so that a killed run can be distinguished from a long one.

What goes here: setting the tag when a store's resource is set up; all runs of assets need one. What
stays out: finding dead runs (in `embedded.dead_runs`).
"""

import dagster as dg

from cryptoassets.embedded.dead_runs import process_tags


def tag_run_with_process(context: dg.InitResourceContext) -> None:
    """Tag the context's run; outside a run there is nothing to tag."""
    if context.instance is not None and context.run is not None:
        run_id = context.run.run_id
        context.instance.add_run_tags(run_id, process_tags(run_id))
