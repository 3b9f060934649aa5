"""Tag a run with the process it lives in, so that a killed one can be told from a long one.

What goes here: the tag, set when a store's resource is made ready; each run of ours asks for one.
What stays out: judging the dead (in `embedded.dead_runs`).
"""

import dagster as dg

from cryptoassets.embedded.dead_runs import process_tags


def note_process(context: dg.InitResourceContext) -> None:
    """Tag the context's run; outside a run there is nothing to tag."""
    if context.instance is not None and context.run is not None:
        run_id = context.run.run_id
        context.instance.add_run_tags(run_id, process_tags(run_id))
